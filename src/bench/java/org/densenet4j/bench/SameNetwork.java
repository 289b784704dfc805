package org.densenet4j.bench;

import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Shows that both sides compute the same: a few training steps of each from the same parameters on
 * the same images. Arguments: model, batch. Prints the largest relative difference of the losses
 * and the number of parameters.
 */
public final class SameNetwork {
    private static final int STEPS = 3;
    private static final double RATE = 0.01;

    private final NetworkSpec spec;
    private final int batch;
    private final float[] channelsFirst;
    private final float[] channelsLast;
    private final int[] labels;

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
    }

    /** Compares, and prints one line. */
    public static void main(String[] args) throws IOException {
        NetworkSpec spec = FamilySpec.preset(args[0]).build();
        SameNetwork same = new SameNetwork(spec, Integer.parseInt(args[1]));
        double[] theirs = same.libtorch();
        double[] ours = same.ours();
        double difference = 0;
        for (int s = 0; s < STEPS; s++) {
            difference = Math.max(difference, Math.abs(ours[s] / theirs[s] - 1));
        }
        System.out.printf(
                Locale.ROOT,
                "difference=%.2e parameters=%d loss=%.5f%n",
                difference,
                spec.graph().parameterCount(),
                ours[STEPS - 1]);
    }

    private double[] ours() {
        double[] losses = new double[STEPS];
        Batch data =
                new Batch(
                        channelsLast,
                        labels,
                        spec.inputHeight(),
                        spec.inputWidth(),
                        spec.inputChannels());
        try (Device device = Device.cpu();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(batch)
                                .seed(1)
                                .optimizer(Sgd.nesterov(RATE))
                                .open()) {
            for (int s = 0; s < STEPS; s++) {
                losses[s] = trainer.step(data).loss();
            }
        }
        return losses;
    }

    private double[] libtorch() throws IOException {
        torch.set_num_threads(Runtime.getRuntime().availableProcessors());
        HiddenCaches.replaceWhereHidden();
        PeerVariant variant = PeerVariant.parse("training-fp32-nhwc-naive-malloc");
        LibtorchWeights weights = LibtorchWeights.initial(spec.graph(), variant, 1);
        PeerNetwork network = PeerNetwork.of(spec, weights, variant);
        long[] shape = {batch, spec.inputChannels(), spec.inputHeight(), spec.inputWidth()};
        Tensor images = weights.images(Tensor.create(channelsFirst, shape));
        Tensor classes = Tensor.create(labels).to(torch.ScalarType.Long);
        SGDOptions options = new SGDOptions(RATE);
        options.momentum().put(0.9);
        options.weight_decay().put(1e-4);
        options.nesterov().put(true);
        SGD sgd = new SGD(weights.parameters(), options);
        double[] losses = new double[STEPS];
        for (int s = 0; s < STEPS; s++) {
            sgd.zero_grad();
            losses[s] = network.step(images, classes);
            sgd.step();
        }
        return losses;
    }
}
