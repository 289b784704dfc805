package org.densenet4j.weights;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;

/**
 * A network with random weights and running statistics, as a file. Statistics are those of a
 * network in use (not zero and one), so that a wrong fold shows.
 */
public final class RandomModel {
    private final NetworkSpec spec;
    private final Map<String, float[]> values = new LinkedHashMap<>();
    private final List<ParameterSpec> tensors = new ArrayList<>();

    /** Draws the weights. */
    public RandomModel(NetworkSpec spec, long seed) {
        this.spec = spec;
        tensors.addAll(spec.graph().parameters());
        tensors.addAll(spec.graph().runningStatistics());
        SplittableRandom random = new SplittableRandom(seed);
        for (ParameterSpec p : tensors) {
            float[] v = new float[(int) p.count()];
            for (int i = 0; i < v.length; i++) {
                v[i] =
                        switch (p.role()) {
                            case CONV_WEIGHT, LINEAR_WEIGHT ->
                                    (float) (random.nextGaussian() * Math.sqrt(2.0 / p.fanIn()));
                            case BN_WEIGHT -> (float) random.nextDouble(0.5, 1.5);
                            case RUNNING_STATISTIC ->
                                    p.name().endsWith("var")
                                            ? (float) random.nextDouble(0.5, 2)
                                            : (float) (0.3 * random.nextGaussian());
                            default -> (float) (0.3 * random.nextGaussian());
                        };
            }
            values.put(p.name(), v);
        }
    }

    /** The network. */
    public NetworkSpec spec() {
        return spec;
    }

    /** Parameters and running statistics. */
    public List<ParameterSpec> tensors() {
        return List.copyOf(tensors);
    }

    /** A tensor's values. */
    public float[] values(String name) {
        return values.get(name);
    }

    /** A safetensors file with the spec in its metadata. */
    public Path write(Path path) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        Checkpoint.specMetadata(spec).forEach(writer::metadata);
        return write(path, writer, name -> name, 0);
    }

    /** A foreign safetensors file: names of one's own, no metadata, and batch counters. */
    public Path writeForeign(Path path, UnaryOperator<String> names) throws IOException {
        return write(path, new SafetensorsWriter(), names, 1);
    }

    private Path write(
            Path path, SafetensorsWriter writer, UnaryOperator<String> names, int counters)
            throws IOException {
        for (ParameterSpec p : tensors) {
            writer.floats(names.apply(p.name()), p.shape(), () -> values.get(p.name()));
            if (counters > 0 && p.name().endsWith("running_var")) {
                String counter = p.name().replace("running_var", "num_batches_tracked");
                writer.longs(names.apply(counter), List.of(), () -> new long[] {7});
            }
        }
        writer.write(path);
        return path;
    }

    /** The same as a PyTorch checkpoint's content. */
    public PthWriter pth(PthWriter writer, UnaryOperator<String> names) {
        for (ParameterSpec p : tensors) {
            writer.floats(names.apply(p.name()), p.shape(), values.get(p.name()));
        }
        return writer;
    }

    /** Sets a training network's tensors. */
    public void copyTo(Network network) {
        network.parameters().forEach(p -> network.parameter(p.name(), values.get(p.name())));
        network.runningStatistics()
                .forEach(p -> network.runningStatistic(p.name(), values.get(p.name())));
    }

    /** Normalised pixels, NHWC. */
    public float[] images(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] images =
                new float[count * spec.inputHeight() * spec.inputWidth() * spec.inputChannels()];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return images;
    }

    /** What the training engine computes in evaluation mode. */
    public float[] expectedLogits(Device device, float[] images, int count) {
        MemoryPlan plan = MemoryPlan.of(spec).batch(count).on(device);
        try (Network network = Network.open(plan, device, 1)) {
            copyTo(network);
            network.input(images, count);
            network.forward(new Pass(count, Mode.EVALUATE, 0, 0));
            return network.logits(count);
        }
    }

    /** What the inference engine computes with a model's weights. */
    public static float[] logits(Device device, Model model, float[] images, int count)
            throws IOException {
        InferencePlan plan = InferencePlan.of(model.spec()).batch(count).on(device);
        try (InferenceNetwork network = InferenceNetwork.open(plan, device, model)) {
            float[] logits = new float[count * network.logitsPerImage()];
            network.forward(images, 0, count);
            network.logits(count, logits, 0);
            return logits;
        }
    }

    /** The largest difference as a share of the largest expected value. */
    public static double error(float[] expected, float[] found) {
        double largest = 1e-9;
        double error = expected.length == found.length ? 0 : Double.POSITIVE_INFINITY;
        for (int i = 0; i < Math.min(expected.length, found.length); i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            error = Math.max(error, Math.abs(expected[i] - (double) found[i]));
        }
        return error / largest;
    }
}
