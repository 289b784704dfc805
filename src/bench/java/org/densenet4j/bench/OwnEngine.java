package org.densenet4j.bench;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;

import java.io.IOException;
import java.util.Locale;

/**
 * A {@link Predictor} as a service has it: images are arrays, which it checks and copies in every
 * call.
 */
final class OwnEngine implements InferenceEngine {
    private final int batch;
    private final float[][] images = new float[LatencyFiles.BATCHES][];
    private final Device device;
    private final Predictor predictor;

    OwnEngine(
            LatencyFiles files,
            DenseNetSpec spec,
            int batch,
            Precision precision,
            DeviceOptions options)
            throws IOException {
        this.batch = batch;
        for (int i = 0; i < images.length; i++) {
            images[i] =
                    LatencyFiles.array(LatencyFiles.images(files.channelsLast(), spec, batch, i));
        }
        DataType type = DataType.of(precision.name().toLowerCase(Locale.ROOT));
        this.device = Device.open("cpu", options.withPrecision(type));
        try (Model model = Model.open(files.weights())) {
            this.predictor = Predictor.of(model).device(device).batch(batch).open();
        }
    }

    @Override
    public float[] logits(int number) {
        return predictor.logits(images[number], batch);
    }

    @Override
    public void close() {
        predictor.close();
        device.close();
    }
}
