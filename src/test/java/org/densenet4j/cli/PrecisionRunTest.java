package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code --precision}: remembered by a run, and changed by the command line. */
class PrecisionRunTest {
    @TempDir private Path folder;

    @Test
    void aResumedRunKeepsItsPrecisionUnlessToldAnother() throws IOException {
        try (Device device = Device.cpu()) {
            assumeTrue(
                    device.supports(DataType.BFLOAT16), () -> "no bf16 on " + device.description());
        }
        Path data = TinyRun.data(folder);
        Path out = folder.resolve("run");
        run(TinyRun.train(data, out, 1, "--precision=bf16"));
        assertEquals("precision=bf16", precision(out));
        resume(out, "2");
        assertEquals("precision=bf16", precision(out));
        resume(out, "3", "--precision=fp32");
        assertEquals("precision=fp32", precision(out));
    }

    private void resume(Path out, String epochs, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("train", "--resume", out.toString(), "--epochs", epochs));
        arguments.addAll(List.of("--device", "cpu", "--no-compare"));
        arguments.addAll(List.of(more));
        run(arguments);
    }

    private static void run(List<String> arguments) {
        Captured run = Captured.run(arguments);
        assertEquals(0, run.code(), run.out() + run.err());
    }

    private static String precision(Path out) throws IOException {
        List<String> lines =
                Files.readAllLines(out.resolve("config.properties")).stream()
                        .filter(line -> line.startsWith("precision"))
                        .map(line -> line.replace(" ", ""))
                        .toList();
        assertTrue(lines.size() == 1, lines.toString());
        return lines.getFirst();
    }
}
