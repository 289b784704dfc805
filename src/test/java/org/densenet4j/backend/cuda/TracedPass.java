package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.RandomModel;

import java.io.IOException;

/**
 * Passes of inference on a CUDA device, for a process of its own: {@code MODEL BATCH PRECISION
 * LAYERS} prints the calls of the second pass by name, the copies of images and logits included.
 * Layers are {@code fused}, or run by {@code libraries}.
 */
public final class TracedPass {
    private TracedPass() {}

    /** See the class. */
    public static void main(String[] arguments) throws IOException {
        DenseNetSpec spec = DenseNetSpec.preset(arguments[0]).build();
        int batch = Integer.parseInt(arguments[1]);
        DeviceOptions options =
                DeviceOptions.defaults()
                        .withGraphs(false)
                        .withTrace(true)
                        .withFusedLayers(arguments[3].equals("fused"));
        try (Device device = Device.open("cuda", options)) {
            InferencePlan plan =
                    InferencePlan.of(spec)
                            .batch(batch)
                            .precision(DataType.of(arguments[2]))
                            .on(device);
            try (InferenceNetwork network =
                    InferenceNetwork.open(plan, device, new RandomModel(spec, 1)::values)) {
                int floats = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
                float[] images = new float[batch * floats];
                float[] logits = new float[batch * network.logitsPerImage()];
                for (int pass = 0; pass < 2; pass++) {
                    device.takeTrace();
                    network.forward(images, 0, batch);
                    network.logits(batch, logits, 0);
                }
                TracedStep.print(device.takeTrace());
                System.out.printf("arena %d bytes%n", plan.peakBytes());
            }
        }
    }
}
