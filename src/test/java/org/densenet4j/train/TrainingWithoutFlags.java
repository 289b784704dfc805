package org.densenet4j.train;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A program that trains small networks of every kind and prints the losses. */
final class TrainingWithoutFlags {
    private static final int IMAGES = 5;
    private static final int SIZE = 12;

    private TrainingWithoutFlags() {}

    /**
     * Trains.
     *
     * @param kinds of {@link #losses}
     */
    public static void main(String[] kinds) {
        for (String kind : kinds) {
            for (double loss : losses(kind)) {
                System.out.println(kind + " " + loss);
            }
        }
    }

    /**
     * Losses of three steps.
     *
     * @param kind "bottleneck", "plain", "naive", "dropout" or "bfloat16"
     */
    static List<Double> losses(String kind) {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(6)
                        .layersPerBlock(2, 2)
                        .initialChannels(10)
                        .bottleneckWidth(kind.equals("plain") ? 0 : 4)
                        .dropout(kind.equals("dropout") ? 0.2 : 0)
                        .inputSize(SIZE, SIZE)
                        .classes(4)
                        .build();
        List<Double> losses = new ArrayList<>();
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(IMAGES)
                                .strategy(
                                        kind.equals("naive")
                                                ? MemoryStrategy.NAIVE
                                                : MemoryStrategy.SHARED)
                                .precision(
                                        kind.equals("bfloat16")
                                                ? DataType.BFLOAT16
                                                : DataType.FLOAT32)
                                .open()) {
            Random random = new Random(3);
            float[] images = new float[IMAGES * SIZE * SIZE * 3];
            for (int i = 0; i < images.length; i++) {
                images[i] = (float) random.nextGaussian();
            }
            Batch batch = new Batch(images, new int[] {0, 1, 2, 3, 1}, SIZE, SIZE, 3);
            for (int step = 0; step < 3; step++) {
                losses.add(trainer.step(batch).loss());
            }
        }
        return losses;
    }
}
