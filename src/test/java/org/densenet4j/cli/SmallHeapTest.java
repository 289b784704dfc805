package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.BlankPng;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A heap that is too small for a good image is a failure that says so, not a broken image. */
class SmallHeapTest {
    @TempDir private static Path folder;

    @BeforeAll
    static void writeImages() throws IOException {
        DrawnImages.write(folder.resolve("images"), 2, 1, 20);
        Files.write(folder.resolve("images/train/disc/large.png"), BlankPng.of(7000, 7000));
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").classes(3).inputSize(16).build();
        new RandomModel(spec, 1).write(folder.resolve("w.safetensors"));
    }

    private static void assertSaysMemory(String heap, String... arguments) throws IOException {
        TrainProcess process = TrainProcess.startWithHeap(folder, heap, arguments);
        int code = process.await();
        String output = process.output();
        assertEquals(1, code, output);
        assertFalse(output.contains("broken"), output);
        assertFalse(output.contains("skipped"), output);
        assertFalse(output.contains("\tat "), output);
        String line =
                output.lines().filter(l -> l.startsWith("error: ")).findFirst().orElse(output);
        assertTrue(line.contains("memory") && line.contains("heap has"), output);
        assertTrue(line.contains("-Xmx") && line.contains("DENSENET4J_OPTS"), output);
    }

    /** 200 MB are enough by the numbers, but not in one piece: the decoder itself fails. */
    @Test
    void predictSaysMemoryInOneLine() throws IOException {
        String[] predict = {
            "predict",
            "--device",
            "cpu",
            "--weights",
            "w.safetensors",
            "images/train/disc/large.png"
        };
        assertSaysMemory("100m", predict);
        assertSaysMemory("200m", predict);
    }

    @Test
    void trainingDoesNotSkipAnImageThatTheHeapCannotHold() throws IOException {
        assertSaysMemory(
                "200m",
                "train",
                "--device",
                "cpu",
                "--data",
                "folder:images",
                "--model",
                "bc-10-4",
                "--input-size",
                "16",
                "--batch",
                "2",
                "--epochs",
                "1",
                "--no-compare",
                "--on-broken",
                "skip",
                "--out",
                "run");
        assertFalse(Files.exists(folder.resolve("run/best.safetensors")));
    }
}
