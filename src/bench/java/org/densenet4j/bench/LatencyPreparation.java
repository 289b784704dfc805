package org.densenet4j.bench;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.SpecMetadata;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.OnnxExport;
import org.densenet4j.weights.OnnxOptions;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Writes the {@link LatencyFiles} of a model with random weights and statistics: those of a network
 * in use, not zero and one, so that a norm that is folded wrongly shows. Arguments: model, most
 * images, folder.
 */
public final class LatencyPreparation {
    private final DenseNetSpec spec;
    private final LatencyFiles files;
    private final SplittableRandom random = new SplittableRandom(1);

    private LatencyPreparation(DenseNetSpec spec, LatencyFiles files) {
        this.spec = spec;
        this.files = files;
    }

    /** Writes, and prints one line. */
    public static void main(String[] args) throws IOException {
        DenseNetSpec spec = DenseNetSpec.preset(args[0]).build();
        LatencyPreparation preparation =
                new LatencyPreparation(spec, new LatencyFiles(Path.of(args[2])));
        preparation.weights();
        int images = Integer.parseInt(args[1]);
        double largest = preparation.logits(preparation.images(images), images);
        // Nothing of our own is here to compare with; what is not finite would pass any comparison.
        System.out.printf(
                Locale.ROOT, "difference=%s largestLogit=%.4f%n", largest - largest, largest);
    }

    private void weights() throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        SpecMetadata.of(spec).forEach(writer::metadata);
        List<ParameterSpec> tensors = new ArrayList<>(spec.graph().parameters());
        tensors.addAll(spec.graph().runningStatistics());
        for (ParameterSpec p : tensors) {
            float[] values = values(p);
            writer.floats(p.name(), p.shape(), () -> values);
        }
        writer.write(files.weights());
        try (Model model = Model.open(files.weights())) {
            OnnxExport.write(model, files.onnx(), OnnxOptions.defaults().withFixedSize(true));
        }
    }

    private float[] values(ParameterSpec p) {
        float[] values = new float[Math.toIntExact(p.count())];
        for (int i = 0; i < values.length; i++) {
            values[i] =
                    (float)
                            switch (p.role()) {
                                case CONV_WEIGHT, LINEAR_WEIGHT ->
                                        random.nextGaussian() * Math.sqrt(2.0 / p.fanIn());
                                case BN_WEIGHT -> random.nextDouble(0.5, 1.5);
                                case RUNNING_STATISTIC ->
                                        p.name().endsWith("var")
                                                ? random.nextDouble(0.5, 2)
                                                : 0.3 * random.nextGaussian();
                                default -> 0.3 * random.nextGaussian();
                            };
        }
        return values;
    }

    private float[] images(int count) throws IOException {
        int channels = spec.inputChannels();
        int pixels = spec.inputHeight() * spec.inputWidth();
        float[] channelsLast = new float[Math.multiplyExact(count, pixels * channels)];
        float[] channelsFirst = new float[channelsLast.length];
        for (int i = 0; i < channelsLast.length; i++) {
            float value = (float) random.nextGaussian();
            channelsLast[i] = value;
            int image = i / (pixels * channels);
            int pixel = i / channels % pixels;
            channelsFirst[(image * channels + i % channels) * pixels + pixel] = value;
        }
        LatencyFiles.write(files.channelsLast(), channelsLast);
        LatencyFiles.write(files.channelsFirst(), channelsFirst);
        return channelsLast;
    }

    /** Returns the largest magnitude. */
    private double logits(float[] images, int count) throws IOException {
        double largest = 0;
        try (Device device = Device.cpu();
                Model model = Model.open(files.weights());
                Predictor predictor = Predictor.of(model).device(device).open()) {
            float[] logits = predictor.logits(images, count);
            for (float logit : logits) {
                if (!Float.isFinite(logit)) {
                    throw new IllegalStateException("a logit is " + logit);
                }
                largest = Math.max(largest, Math.abs(logit));
            }
            LatencyFiles.write(files.logits(), logits);
        }
        return largest;
    }
}
