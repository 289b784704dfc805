package org.densenet4j.standin;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.RandomModel;

import java.io.IOException;
import java.util.Arrays;

/**
 * Run in a child on the stand-in: requests of one and of three images by turns, and how the logits
 * compare with those of passes that are launched one by one, and with the CPU's.
 *
 * <p>Arguments: {@code bf16} or {@code fp32}, which is rounded to TF32; {@code recorded} or {@code
 * both}, which takes the passes once more without recording.
 */
final class InferenceRun {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(5).inputSize(9, 14).build();
    private static final int IMAGES = 3;
    private static final int TURNS = 3;

    private final RandomModel model = new RandomModel(SPEC, 1);

    public static void main(String[] arguments) throws IOException {
        new InferenceRun().run(DataType.of(arguments[0]), arguments[1].equals("both"));
    }

    private void run(DataType precision, boolean both) throws IOException {
        DeviceOptions options =
                DeviceOptions.defaults().withPrecision(precision).withTensorFloat32(true);
        float[] recorded = logits("cuda", options);
        if (both) {
            float[] plain = logits("cuda", options.withGraphs(false));
            System.out.println("identical " + Arrays.equals(recorded, plain));
        }
        float[] expected = logits("cpu", DeviceOptions.defaults());
        System.out.println("error " + RandomModel.error(expected, recorded));
    }

    private float[] logits(String name, DeviceOptions options) throws IOException {
        try (Device device = Device.open(name, options);
                Predictor predictor =
                        Predictor.of(SPEC, model::values).device(device).batch(IMAGES).open()) {
            float[] all = new float[TURNS * (1 + IMAGES) * SPEC.classes()];
            int at = 0;
            for (int turn = 0; turn < TURNS; turn++) {
                float[] images = model.images(IMAGES, turn);
                for (int count : new int[] {1, IMAGES}) {
                    float[] logits = predictor.logits(images, count);
                    System.arraycopy(logits, 0, all, at, logits.length);
                    at += logits.length;
                }
            }
            return all;
        }
    }
}
