package org.densenet4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Runs the programs of {@code examples/}, which have no package so that {@code java} runs them. */
class ExamplesTest {
    @TempDir private Path folder;

    private static List<String> run(String program, Object... arguments) throws Throwable {
        String[] strings = new String[arguments.length];
        for (int i = 0; i < strings.length; i++) {
            strings[i] = String.valueOf(arguments[i]);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = System.out;
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            MethodHandles.publicLookup()
                    .findStatic(
                            Class.forName(program),
                            "main",
                            MethodType.methodType(void.class, String[].class))
                    .invoke(strings);
        } finally {
            System.setOut(out);
        }
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void trainFromCodeLearnsWithItsOwnLoss() throws Throwable {
        List<String> lines = run("TrainFromCode", 192, 3, folder);
        assertEquals(3, lines.size(), lines.toString());
        assertTrue(loss(lines.get(2)) < loss(lines.get(0)), lines.toString());
    }

    private static double loss(String line) {
        return Double.parseDouble(line.replaceAll(".*loss ([0-9.]+),.*", "$1"));
    }
}
