package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.cuda.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Inference on the stand-in driver: what is recorded, and that it changes nothing. */
class InferenceOnStandInTest {
    @TempDir private Path folder;

    private ChildJvm run(Map<String, String> options, String... arguments) throws IOException {
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        StandIn.environment(options),
                        InferenceRun.class.getName(),
                        arguments);
        assertEquals(0, child.exitCode(), child.out() + child.err());
        assertTrue(!child.err().contains("VIOLATION"), child.err());
        return child;
    }

    @ParameterizedTest
    @CsvSource({"bf16, 5e-2", "fp32, 5e-3"})
    void recordedPassesGiveWhatPlainOnesGive(String precision, double tolerance)
            throws IOException {
        String out = run(Map.of("STANDIN_ORDER", "lazy"), precision, "both").out();
        assertTrue(out.contains("identical true"), out);
        Matcher error = Pattern.compile("error (\\S+)").matcher(out);
        assertTrue(error.find(), out);
        assertTrue(Double.parseDouble(error.group(1)) <= tolerance, out);
    }

    /** The first pass of a number of images runs as it is, the second and third from a graph. */
    @Test
    void aPassOfEachNumberOfImagesIsOneLaunch() throws IOException {
        String said = run(Map.of("STANDIN_STATS", "2"), "bf16", "recorded").err();
        assertTrue(Pattern.compile("(?m)^standin: +4 graph launches$").matcher(said).find(), said);
        assertTrue(said.contains(" pointwise_forward_"), said);
        assertTrue(said.contains(" appended_convolution_"), said);
    }
}
