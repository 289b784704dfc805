package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

class LrFindCommandTest {
    @TempDir private Path folder;

    private Captured run(String... more) {
        List<String> arguments = new ArrayList<>(List.of("lr-find", "--glyphs", "60"));
        arguments.addAll(List.of("--model", "bc-10-4", "--batch", "8", "--device", "cpu"));
        arguments.addAll(List.of("--threads", "1"));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    @Test
    void itWritesLossesByRateAsCsvAndPictures() throws IOException {
        Path out = folder.resolve("found");
        Captured found = run("--steps", "40", "--to", "1", "--out", out.toString()).mustSucceed();
        for (String word : List.of("40 steps from 1.0E-7 to", "valley", "steepest", "written to")) {
            assertTrue(found.out().contains(word), found.out());
        }
        List<String> csv = Files.readAllLines(out.resolve("lr-find.csv"));
        assertEquals("learning_rate,loss,smoothed_loss", csv.getFirst());
        assertEquals(41, csv.size());
        assertTrue(csv.get(1).startsWith("1.0E-7,"), csv.get(1));
        assertTrue(Files.size(out.resolve("lr-find.png")) > 1000);
        String svg = Files.readString(out.resolve("lr-find.svg"));
        assertTrue(svg.contains("learning rate"), svg);
        assertFalse(Files.exists(out.resolve("checkpoint.safetensors")));
    }

    @Test
    void whatIsWrongIsOneLine() throws IOException {
        String out = folder.resolve("wrong").toString();
        run("--steps", "3", "--out", out).mustRefuse("steps = 3: use 10 or more");
        run("--from", "1", "--to", "0.1", "--out", out)
                .mustRefuse("use positive numbers that rise");
        run("--resume", "x").mustRefuse("--resume");
        Path taken = Files.createDirectories(folder.resolve("taken"));
        Files.writeString(taken.resolve("lr-find.csv"), "mine");
        run("--steps", "12", "--out", taken.toString()).mustRefuse("lr-find.csv");
        assertEquals("mine", Files.readString(taken.resolve("lr-find.csv")));
    }
}
