package org.densenet4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;

class JsonTest {
    @Test
    void whatIsNotFiniteIsNull() {
        assertEquals(
                "{\"a\":null,\"b\":[null,1.5],\"c\":[null,0.1],\"d\":[null,null]}",
                Json.compact(
                        Json.object(
                                "a",
                                Double.NaN,
                                "b",
                                new double[] {Double.POSITIVE_INFINITY, 1.5},
                                "c",
                                new float[] {Float.NEGATIVE_INFINITY, 0.1f},
                                "d",
                                List.of(Float.NaN, Double.NEGATIVE_INFINITY))));
    }

    @Test
    void anArrayIsWrittenElementByElement() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (Json.Array array = Json.array(bytes)) {
            array.add(Map.of("name", "猫\n")).add(Float.NaN).add(List.of(1, 2L));
        }
        String text = bytes.toString(UTF_8);
        assertEquals("[{\"name\":\"猫\\n\"},null,[1,2]]", text.replaceAll("\\s", ""));
        assertEquals('\n', text.charAt(text.length() - 1));
    }
}
