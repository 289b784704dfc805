package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;

/** A command run in this process: its exit code and what it printed. */
record Captured(int code, String out, String err) {

    static Captured run(String... args) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
        ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(outBytes, true, UTF_8));
            System.setErr(new PrintStream(errBytes, true, UTF_8));
            int code = Main.run(args);
            return new Captured(code, outBytes.toString(UTF_8), errBytes.toString(UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    static Captured run(List<String> args) {
        return run(args.toArray(String[]::new));
    }

    /** Exit code 0; else what it said of the error. */
    Captured mustSucceed() {
        assertEquals(0, code, err);
        return this;
    }

    /** One clear line with these words, exit code 2, no stack trace, nothing else said. */
    void mustRefuse(String... words) {
        assertEquals(2, code, () -> out + err);
        List<String> lines = err.lines().filter(line -> !line.startsWith("note: ")).toList();
        assertEquals(1, lines.size(), err);
        assertTrue(lines.getFirst().startsWith("error: "), err);
        for (String word : words) {
            assertTrue(err.contains(word), () -> "'" + word + "' is missing in: " + err);
        }
        assertTrue(!err.contains("unexpected") && !err.contains("\tat "), err);
        assertEquals("", out);
    }
}
