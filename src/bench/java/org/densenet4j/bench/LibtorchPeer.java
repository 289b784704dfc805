package org.densenet4j.bench;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.spec.FamilySpec;

import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;

/**
 * Training steps or forward passes of libtorch in this process, on random images; SGD with Nesterov
 * momentum. Arguments: model, batch, steps, seconds of warm-up, threads, {@link PeerVariant}.
 * Prints one line of {@code key=value}.
 */
public final class LibtorchPeer {
    private final PeerVariant variant;
    private final LibtorchWeights weights;
    private final PeerNetwork network;
    private final Tensor images;
    private final Tensor labels;

    private LibtorchPeer(NetworkSpec spec, int batch, PeerVariant variant) {
        this.variant = variant;
        this.weights = LibtorchWeights.initial(spec.graph(), variant, 1);
        this.network = PeerNetwork.of(spec, weights, variant);
        torch.manual_seed(1);
        this.images =
                weights.images(
                        torch.randn(
                                batch,
                                spec.inputChannels(),
                                spec.inputHeight(),
                                spec.inputWidth()));
        this.labels = torch.randint(spec.classes(), new long[] {batch}).to(torch.ScalarType.Long);
    }

    /** Measures, and prints one line; a variant that does not compute the network is refused. */
    public static void main(String[] args) throws IOException {
        NetworkSpec spec = FamilySpec.preset(args[0]).build();
        int batch = Integer.parseInt(args[1]);
        torch.set_num_threads(Integer.parseInt(args[4]));
        HiddenCaches.replaceWhereHidden();
        try {
            new LibtorchPeer(spec, batch, PeerVariant.parse(args[5]))
                    .measure(batch, Integer.parseInt(args[2]), Integer.parseInt(args[3]));
        } catch (ArithmeticException e) {
            System.out.println("error: " + e.getMessage());
            System.exit(ChildProcess.WRONG_INPUT);
        }
    }

    private interface Step {
        float run();
    }

    /** Median of the steps after warming up. */
    private void measure(int batch, int steps, int warmUpSeconds) throws IOException {
        boolean training = variant.work() == Work.TRAINING;
        SGD sgd = training ? optimizer() : null;
        Step step = training ? () -> train(sgd) : this::infer;
        float[] result = new float[1];
        LinuxMemory.forgetPeak();
        long before = LinuxMemory.resident();
        double[] warm =
                WarmedSteps.run(
                        steps,
                        warmUpSeconds,
                        number -> {
                            long start = System.nanoTime();
                            result[0] = step.run();
                            double seconds = WarmedSteps.secondsSince(start);
                            if (!Float.isFinite(result[0])) {
                                throw new ArithmeticException(
                                        "step " + (number + 1) + " gave " + result[0]);
                            }
                            return seconds;
                        });
        // Gradients and velocities come with the first step, but are no activations.
        long model = training ? 2 * 4 * weights.count() : 0;
        long activations = LinuxMemory.peak() - before - model;
        Arrays.sort(warm);
        double median = (warm[(warm.length - 1) / 2] + warm[warm.length / 2]) / 2;
        System.out.printf(
                Locale.ROOT,
                "medianSeconds=%.5f imagesPerSecond=%.2f activations=%d peak=%d parameters=%d"
                        + " result=%.5f%n",
                median,
                batch / median,
                activations,
                LinuxMemory.peak(),
                weights.count(),
                result[0]);
    }

    private SGD optimizer() {
        SGDOptions options = new SGDOptions(0.01);
        options.momentum().put(0.9);
        options.weight_decay().put(1e-4);
        options.nesterov().put(true);
        return new SGD(weights.parameters(), options);
    }

    private float train(SGD sgd) {
        try (PointerScope scope = new PointerScope()) {
            sgd.zero_grad();
            float loss = network.step(images, labels);
            sgd.step();
            return loss;
        }
    }

    /** Returns the first logit of the last head: what was computed has to arrive. */
    private float infer() {
        try (PointerScope scope = new PointerScope();
                InferenceMode mode = new InferenceMode(true)) {
            return network.infer(images).getLast().data_ptr_float().get(0);
        }
    }
}
