package org.densenet4j.inference;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.DenseNetSpec;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A program that looks at one image, in the precision that it is told, and prints its logits. */
final class FirstAnswer {
    private static final int SIZE = 16;

    private FirstAnswer() {}

    /** Looks. */
    public static void main(String[] precision) throws IOException {
        System.out.println(Arrays.toString(logits(DataType.valueOf(precision[0]))));
    }

    private static float[] logits(DataType precision) throws IOException {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(16)
                        .layersPerBlock(2, 2)
                        .initialChannels(24)
                        .bottleneckWidth(4)
                        .inputSize(SIZE, SIZE)
                        .classes(4)
                        .build();
        Map<String, float[]> weights = new HashMap<>();
        List<ParameterSpec> tensors = new ArrayList<>(spec.graph().parameters());
        tensors.addAll(spec.graph().runningStatistics());
        for (ParameterSpec p : tensors) {
            float[] values = new float[Math.toIntExact(p.count())];
            for (int i = 0; i < values.length; i++) {
                values[i] = (i * 7 % 23 + 1) / 64f;
            }
            weights.put(p.name(), values);
        }
        float[] image = new float[SIZE * SIZE * 3];
        for (int i = 0; i < image.length; i++) {
            image[i] = i * 5 % 17 / 17f;
        }
        DeviceOptions options = DeviceOptions.defaults().withThreads(2).withPrecision(precision);
        try (Device device = Device.open("cpu", options);
                Predictor predictor =
                        Predictor.of(spec, weights::get).device(device).batch(1).open()) {
            return predictor.logits(image, 1);
        }
    }
}
