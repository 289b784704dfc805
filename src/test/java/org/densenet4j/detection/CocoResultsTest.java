package org.densenet4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.data.Box;
import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

class CocoResultsTest {
    private static final long[] CATEGORIES = {3, 18};

    @Test
    void resultsAreWhatCocoReads() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        CocoResults results = new CocoResults(out);
        results.add(
                9,
                List.of(
                        new Detection(new Box(1.234, 2, 11.234, 22.5), 1, 0.75),
                        new Detection(new Box(0, 0, 5, 5), 0, 0.5)),
                label -> CATEGORIES[label]);
        results.add(12, List.of(), label -> CATEGORIES[label]);
        results.close();
        results.close();
        assertEquals(
                "[\n"
                        + "{\"image_id\":9,\"category_id\":18,\"bbox\":[1.23,2.0,10.0,20.5],\"score\":0.75}\n"
                        + ",{\"image_id\":9,\"category_id\":3,\"bbox\":[0.0,0.0,5.0,5.0],\"score\":0.5}]\n",
                out.toString(StandardCharsets.UTF_8));
    }
}
