package org.densenet4j.bench;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Shows that both sides compute the same, from the same parameters on the same images: loss and
 * gradients of a training step, and logits of every head in inference, in each way of libtorch's
 * that computes the whole network. Batch norms, layer norms and scales do not have the ones and
 * zeros that training starts with: those would hide what is behind them. Arguments: model, batch.
 * Prints relative differences of the loss, the gradients and the logits (of their norms; the
 * largest of any tensor or head), and the number of parameters. Gradients of deep networks with few
 * images differ by some percent in single precision, those of different networks by all of it.
 */
public final class SameNetwork {
    /** Smaller gradients than this share of the largest tensor's count as part of it. */
    private static final double SMALL = 1e-2;

    private final NetworkSpec spec;
    private final int batch;
    private final float[] channelsFirst;
    private final float[] channelsLast;
    private final int[] labels;
    private final Map<String, float[]> values;

    private SameNetwork(NetworkSpec spec, int batch) {
        this.spec = spec;
        this.batch = batch;
        int pixels = spec.inputHeight() * spec.inputWidth();
        int channels = spec.inputChannels();
        SplittableRandom random = new SplittableRandom(1);
        channelsFirst = new float[batch * pixels * channels];
        channelsLast = new float[channelsFirst.length];
        for (int i = 0; i < channelsFirst.length; i++) {
            float value = (float) random.nextGaussian();
            int image = i / (pixels * channels);
            int channel = i / pixels % channels;
            channelsFirst[i] = value;
            channelsLast[(image * pixels + i % pixels) * channels + channel] = value;
        }
        labels = random.ints(batch, 0, spec.classes()).toArray();
        values = values(spec.graph());
    }

    private static Map<String, float[]> values(Graph graph) {
        Map<String, float[]> values = LibtorchWeights.initialValues(graph, 1);
        SplittableRandom random = new SplittableRandom(2);
        for (ParameterSpec p : LibtorchWeights.tensors(graph)) {
            float[] all = values.get(p.name());
            for (int i = 0; i < all.length; i++) {
                all[i] =
                        switch (p.role()) {
                            case BN_WEIGHT, LN_WEIGHT, LAYER_SCALE, L2_SCALE ->
                                    (float) random.nextDouble(0.5, 1);
                            case BN_BIAS, LN_BIAS, CONV_BIAS ->
                                    (float) random.nextDouble(-0.2, 0.2);
                            case RUNNING_STATISTIC ->
                                    p.name().endsWith("_var")
                                            ? (float) random.nextDouble(0.5, 2)
                                            : (float) random.nextDouble(-0.2, 0.2);
                            case CONV_WEIGHT, LINEAR_WEIGHT, LINEAR_BIAS -> all[i];
                        };
            }
        }
        return values;
    }

    /** Compares, and prints one line. */
    public static void main(String[] args) throws IOException {
        NetworkSpec spec = FamilySpec.preset(args[0]).build();
        SameNetwork same = new SameNetwork(spec, Integer.parseInt(args[1]));
        Step theirs = same.theirStep();
        Step ours = same.ourStep();
        System.out.printf(
                Locale.ROOT,
                "difference=%.2e gradients=%.2e inference=%.2e parameters=%d loss=%.5f%n",
                Math.abs(ours.loss() / theirs.loss() - 1),
                same.gradientDifference(ours, theirs),
                same.inferenceDifference(),
                spec.graph().parameterCount(),
                ours.loss());
    }

    // ---------------------------------------------------------------- training

    private record Step(double loss, Map<String, float[]> gradients) {}

    private Step ourStep() {
        Batch data =
                new Batch(
                        channelsLast,
                        labels,
                        spec.inputHeight(),
                        spec.inputWidth(),
                        spec.inputChannels());
        Map<String, float[]> gradients = new HashMap<>();
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(spec, device).batch(batch).open()) {
            Network network = trainer.network();
            network.parameters().forEach(p -> network.parameter(p.name(), values.get(p.name())));
            double loss =
                    spec.graph().heads().getFirst() instanceof PixelHead
                            ? squaresStep(network)
                            : trainer.step(data).loss();
            network.parameters().forEach(p -> gradients.put(p.name(), network.gradient(p.name())));
            return new Step(loss, gradients);
        }
    }

    /** The sum of every head's mean square, as {@link LibtorchGraph#step} takes it. */
    private double squaresStep(Network network) {
        Pass pass = new Pass(batch, Mode.TRAIN, 1, 0);
        network.input(channelsLast, batch);
        network.forward(pass);
        double sum = 0;
        for (Node head : spec.graph().heads()) {
            float[] logits = network.logits(head.name(), batch);
            float[] gradient = new float[logits.length];
            double squares = 0;
            for (int i = 0; i < logits.length; i++) {
                squares += (double) logits[i] * logits[i];
                gradient[i] = 2 * logits[i] / logits.length;
            }
            network.logitsGradient(head.name(), gradient, batch);
            sum += squares / logits.length;
        }
        network.zeroGradients();
        network.backward(pass);
        return sum;
    }

    private Step theirStep() throws IOException {
        torch.set_num_threads(Runtime.getRuntime().availableProcessors());
        HiddenCaches.replaceWhereHidden();
        PeerVariant variant = PeerVariant.parse("training-fp32-nhwc-naive-malloc");
        LibtorchWeights weights = new LibtorchWeights(spec.graph(), variant, copy());
        PeerNetwork network = PeerNetwork.of(spec, weights, variant);
        Tensor classes = Tensor.create(labels).to(torch.ScalarType.Long);
        double loss = network.step(images(weights), classes);
        Map<String, float[]> gradients = new HashMap<>();
        for (ParameterSpec p : spec.graph().parameters()) {
            gradients.put(p.name(), floats(weights.get(p.name()).grad()));
        }
        return new Step(loss, gradients);
    }

    private double gradientDifference(Step ours, Step theirs) {
        double largest =
                theirs.gradients().values().stream().mapToDouble(g -> norm(g)).max().orElseThrow();
        double difference = 0;
        for (ParameterSpec p : spec.graph().parameters()) {
            float[] theirOwn = theirs.gradients().get(p.name());
            double scale = Math.max(norm(theirOwn), SMALL * largest);
            double apart = distance(ours.gradients().get(p.name()), theirOwn) / scale;
            difference = Math.max(difference, apart);
        }
        return difference;
    }

    private static double norm(float[] values) {
        return distance(values, new float[values.length]);
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += Math.pow(a[i] - b[i], 2);
        }
        return Math.sqrt(sum);
    }

    private static float[] floats(Tensor tensor) {
        float[] all = new float[Math.toIntExact(tensor.numel())];
        tensor.contiguous().data_ptr_float().get(all);
        return all;
    }

    private Tensor images(LibtorchWeights weights) {
        long[] shape = {batch, spec.inputChannels(), spec.inputHeight(), spec.inputWidth()};
        return weights.images(Tensor.create(channelsFirst, shape));
    }

    /** Folding changes the values. */
    private Map<String, float[]> copy() {
        Map<String, float[]> copy = new HashMap<>();
        values.forEach((name, all) -> copy.put(name, all.clone()));
        return copy;
    }

    // ---------------------------------------------------------------- inference

    private double inferenceDifference() throws IOException {
        List<float[]> ours = ourLogits();
        double largest = 0;
        for (PeerVariant variant : PeerVariant.all(spec, Work.INFERENCE, Precision.FP32, false)) {
            if (variant.style() == PeerVariant.Style.GROUPED) {
                continue; // a condensed network, which these values are not
            }
            List<float[]> theirs = theirLogits(variant);
            for (int h = 0; h < ours.size(); h++) {
                double apart = distance(ours.get(h), theirs.get(h));
                largest = Math.max(largest, apart / norm(theirs.get(h)));
            }
        }
        return largest;
    }

    private List<float[]> ourLogits() throws IOException {
        List<float[]> logits = new ArrayList<>();
        try (Device device = Device.cpu()) {
            InferencePlan plan = InferencePlan.of(spec).batch(batch).on(device);
            try (InferenceNetwork network = InferenceNetwork.open(plan, device, values::get)) {
                network.forward(channelsLast, 0, batch);
                for (Node head : spec.graph().heads()) {
                    float[] all = new float[batch * network.logitsPerImage(head.name())];
                    network.logits(head.name(), batch, all, 0);
                    logits.add(all);
                }
            }
        }
        return logits;
    }

    private List<float[]> theirLogits(PeerVariant variant) {
        List<float[]> logits = new ArrayList<>();
        try (PointerScope scope = new PointerScope();
                InferenceMode mode = new InferenceMode(true)) {
            LibtorchWeights weights = new LibtorchWeights(spec.graph(), variant, copy());
            for (Tensor head : PeerNetwork.of(spec, weights, variant).infer(images(weights))) {
                logits.add(floats(head));
            }
        }
        return logits;
    }
}
