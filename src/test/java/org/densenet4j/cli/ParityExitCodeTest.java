package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code parity}: 0 when it holds, 1 on a mismatch, 2 on a bad file. */
class ParityExitCodeTest {
    private static final Path GOLDEN =
            Path.of("src/test/resources/golden/bc-k12-3x3x3.safetensors");

    @TempDir private Path temporary;

    @Test
    void zeroWhereEveryStrategyAgrees() {
        Captured run = Captured.run("parity", GOLDEN.toString(), "--device", "cpu");
        assertEquals(0, run.code(), run.out() + run.err());
        for (String strategy : new String[] {"NAIVE", "SHARED", "RECOMPUTE", "parity holds"}) {
            assertTrue(run.out().contains(strategy), run.out());
        }
    }

    @Test
    void oneWhereANumberDiffersAndTheGroupIsNamed() throws IOException {
        byte[] file = Files.readAllBytes(GOLDEN);
        long header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String json = new String(file, 8, (int) header, ISO_8859_1);
        Matcher m =
                Pattern.compile("\"eval\\.logits\":\\{[^}]*\"data_offsets\":\\[(\\d+),(\\d+)]")
                        .matcher(json);
        assertTrue(m.find(), json.substring(0, 500));
        int last = 8 + (int) header + Integer.parseInt(m.group(2)) - 1;
        file[last] ^= (byte) 0x80; // the sign of the last logit
        Path wrong = Files.write(temporary.resolve("wrong.safetensors"), file);
        Captured run =
                Captured.run("parity", wrong.toString(), "--strategy=SHARED", "--device=cpu");
        assertEquals(1, run.code(), run.out() + run.err());
        assertTrue(run.out().contains("MISMATCH   eval.logits"), run.out());
        assertTrue(run.out().contains("parity does not hold"), run.out());
    }

    @Test
    void twoOnABadFile() throws IOException {
        byte[] file = Files.readAllBytes(GOLDEN);
        Path bad = temporary.resolve("bad.safetensors");
        for (int size : new int[] {0, 5, 8, 1000, file.length - 1}) {
            Files.write(bad, Arrays.copyOf(file, size));
            Captured.run("parity", bad.toString()).mustRefuse("bad.safetensors");
        }
        Files.write(bad, Arrays.copyOf(file, file.length + 1));
        Captured.run("parity", bad.toString()).mustRefuse("bad.safetensors");
    }
}
