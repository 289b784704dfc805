package org.densenet4j.standin;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.data.Batch;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Run in a child on the stand-in: prints the losses of steps whose batches are staged, and what
 * arrives of more uploads than fit into the page-locked memory. A wrong wait prints something else.
 */
final class StagedSteps {
    private static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-10-4").inputSize(8).build();
    private static final int IMAGES = 4;
    private static final int STEPS = 8;
    private static final int UPLOADS = 20_000;

    private StagedSteps() {}

    private static Batch batch(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] pixels = new float[IMAGES * 8 * 8 * 3];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        int[] labels = random.ints(IMAGES, 0, SPEC.classes()).toArray();
        return new Batch(pixels, labels, 8, 8, 3);
    }

    public static void main(String[] arguments) {
        DeviceOptions options = DeviceOptions.defaults().withDeterministic(true);
        try (Device device = Device.open("cuda", options)) {
            System.out.println(losses(device));
            System.out.println(uploads(device));
        }
    }

    private static String losses(Device device) {
        StringBuilder text = new StringBuilder();
        try (Trainer trainer = Trainer.of(SPEC, device).batch(IMAGES).open()) {
            Batch[] batches = new Batch[STEPS + 1];
            Arrays.setAll(batches, StagedSteps::batch);
            for (int step = 0; step < STEPS; step++) {
                try {
                    text.append(' ').append(trainer.step(batches[step], batches[step + 1]).loss());
                } catch (RuntimeException e) {
                    text.append(' ').append(e.getMessage());
                }
            }
        }
        return text.toString();
    }

    private static String uploads(Device device) {
        long scratch = device.kernelScratchBytes();
        try (DeviceArena arena = device.allocate(4096 + scratch, 4096, scratch)) {
            int[] values = new int[1000];
            for (int i = 0; i < UPLOADS; i++) {
                Arrays.fill(values, Float.floatToRawIntBits(i));
                arena.uploadInts(values, values.length, 0);
                if (i == 0) {
                    // Its place is used again before it is looked at.
                    arena.uploadInts(values, 1, 4000);
                }
            }
            float[] back = new float[1001];
            arena.download(Matrix.vector(0, 1001), back, 0);
            return back[0] + " " + back[999] + " " + back[1000];
        }
    }
}
