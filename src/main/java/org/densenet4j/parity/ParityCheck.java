package org.densenet4j.parity;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.io.ParityCase;
import org.densenet4j.io.Tensor;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.ParameterSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Runs a {@link ParityCase} under one strategy on one device and compares everything it recorded.
 *
 * <p>The error of a tensor is {@code |ours − theirs| / |theirs|} in the Euclidean norm.
 */
public final class ParityCheck {
    /** Tolerance of logits, losses and running statistics in single precision. */
    public static final double OUTPUT_TOLERANCE = 1e-4;

    /** Tolerance of gradients and of parameters after optimiser steps in single precision. */
    public static final double GRADIENT_TOLERANCE = 1e-3;

    /**
     * Differences below this, per element, are rounding and not error, however small the tensor.
     */
    private static final double SMALLEST_NORM = 1e-7;

    /** Two frameworks' rounding errors may point in opposite directions. */
    private static final double NOISE_FACTOR = 2;

    /**
     * The worst tensor of a group.
     *
     * @param group {@code eval.logits}, {@code train.grad}, ...
     * @param tensors how many tensors were compared
     * @param error the largest relative error among them
     * @param worst the tensor that has it
     * @param tolerance what is allowed of the tensor that is worst by it
     */
    public record Group(String group, int tensors, double error, String worst, double tolerance) {
        /** Whether every tensor is within the tolerance; NaN is not. */
        public boolean passed() {
            return error <= tolerance;
        }
    }

    private final ParityCase parity;
    private final DenseNetSpec spec;
    private final Device device;
    private final MemoryStrategy strategy;
    private final Batch batch;
    private final List<Group> groups = new ArrayList<>();

    private ParityCheck(ParityCase parity, Device device, MemoryStrategy strategy)
            throws IOException {
        this.parity = parity;
        this.spec = spec(parity);
        this.device = device;
        this.strategy = strategy;
        this.batch =
                new Batch(
                        nhwc(parity.input().toFloats(), parity.labels().length),
                        parity.labels(),
                        spec.inputHeight(),
                        spec.inputWidth(),
                        spec.inputChannels());
    }

    /**
     * Compares everything that the case has.
     *
     * @throws IOException when the case does not describe a valid network, or lacks its weights
     */
    public static List<Group> run(ParityCase parity, Device device, MemoryStrategy strategy)
            throws IOException {
        ParityCheck check = new ParityCheck(parity, device, strategy);
        check.checkPasses();
        check.checkSteps();
        return check.groups;
    }

    /** The network that a case describes. */
    public static DenseNetSpec spec(ParityCase parity) throws IOException {
        try {
            return DenseNetSpec.builder()
                    .name("parity case")
                    .growthRate(parity.growthRate())
                    .layersPerBlock(
                            parity.blockConfig().stream().mapToInt(Integer::intValue).toArray())
                    .initialChannels(parity.initialChannels())
                    .bottleneckWidth(parity.bottleneckWidth())
                    .compression(parity.compression())
                    .stem(parity.imageNetStem() ? Stem.IMAGENET : Stem.SMALL)
                    .classes(parity.classes())
                    .inputSize(parity.inputSize())
                    .bnEpsilon(parity.bnEpsilon())
                    .bnMomentum(parity.bnMomentum())
                    .build();
        } catch (IllegalArgumentException e) {
            throw new IOException(parity.path() + ": " + e.getMessage(), e);
        }
    }

    private void checkPasses() throws IOException {
        MemoryPlan plan =
                MemoryPlan.of(spec)
                        .strategy(strategy)
                        .batch(batch.size())
                        .inputGradient(true)
                        .on(device);
        try (Network network = Network.open(plan, device, 0)) {
            loadWeights(network);
            int n = batch.size();
            network.input(batch.images(), n);
            network.forward(new Pass(n, Mode.EVALUATE, 0, 0));
            compare("eval.logits", network.logits(n), OUTPUT_TOLERANCE);

            Pass train = new Pass(n, Mode.TRAIN, 0, 0);
            network.zeroGradients();
            network.forward(train);
            compare("train.logits", network.logits(n), OUTPUT_TOLERANCE);
            double loss = network.loss(train, batch.labels(), 0, n);
            compare("train.loss", new float[] {(float) loss}, OUTPUT_TOLERANCE);
            network.backward(train);
            if (parity.contains("train.grad.input")) {
                compare("train.grad.input", nchw(network.inputGradient(n)), GRADIENT_TOLERANCE);
            }
            compareAll(
                    "train.grad.",
                    GRADIENT_TOLERANCE,
                    names(network.parameters()),
                    network::gradient);
            compareAll(
                    "train.running.",
                    OUTPUT_TOLERANCE,
                    names(network.runningStatistics()),
                    network::runningStatistic);
        }
    }

    private void checkSteps() throws IOException {
        if (!parity.contains("sgd.losses")) {
            return;
        }
        Sgd sgd =
                new Sgd(
                        parity.learningRate(),
                        parity.momentum(),
                        parity.nesterov(),
                        parity.weightDecay(),
                        true);
        try (Trainer trainer =
                Trainer.of(spec, device)
                        .strategy(strategy)
                        .batch(batch.size())
                        .optimizer(sgd)
                        .open()) {
            Network network = trainer.network();
            loadWeights(network);
            float[] losses = new float[Math.toIntExact(parity.tensor("sgd.losses").count())];
            for (int step = 1; step <= losses.length; step++) {
                losses[step - 1] = (float) trainer.step(batch).loss();
                compareAll(
                        "sgd" + step + ".",
                        GRADIENT_TOLERANCE,
                        names(network.parameters()),
                        network::parameter);
            }
            compare("sgd.losses", losses, OUTPUT_TOLERANCE);
        }
    }

    private void loadWeights(Network network) throws IOException {
        for (ParameterSpec p : network.parameters()) {
            network.parameter(p.name(), weight(p));
        }
        for (ParameterSpec p : network.runningStatistics()) {
            network.runningStatistic(p.name(), weight(p));
        }
    }

    private float[] weight(ParameterSpec p) throws IOException {
        String name = "weights." + p.name();
        if (!parity.contains(name)) {
            throw new IOException(parity.path() + ": the tensor '" + name + "' is missing");
        }
        Tensor tensor = parity.tensor(name);
        List<Long> expected = p.shape().stream().map(Integer::longValue).toList();
        if (!tensor.shape().equals(expected)) {
            throw new IOException(
                    parity.path()
                            + ": the tensor '"
                            + name
                            + "' has shape "
                            + tensor.shape()
                            + ", the network wants "
                            + expected);
        }
        return tensor.toFloats();
    }

    private static List<String> names(List<ParameterSpec> specs) {
        return specs.stream().map(ParameterSpec::name).toList();
    }

    private void compare(String name, float[] ours, double tolerance) throws IOException {
        groups.add(new Group(name, 1, error(name, ours), name, tolerance));
    }

    /** Compares every tensor of a group; nothing where the case recorded none of it. */
    private void compareAll(
            String prefix, double tolerance, List<String> names, Function<String, float[]> ours)
            throws IOException {
        Map<String, Tensor> recorded = parity.group(prefix);
        double worst = 0;
        double allowed = tolerance;
        String worstName = "";
        int count = 0;
        for (String name : names) {
            if (recorded.containsKey(name)) {
                double error = error(prefix + name, ours.apply(name));
                double most = Math.max(tolerance, NOISE_FACTOR * noise(prefix + name));
                count++;
                if (count == 1 || !(error / most <= worst / allowed)) {
                    worst = error;
                    allowed = most;
                    worstName = name;
                }
            }
        }
        if (count > 0) {
            groups.add(
                    new Group(
                            prefix.substring(0, prefix.length() - 1),
                            count,
                            worst,
                            worstName,
                            allowed));
        }
    }

    /**
     * How far the recording framework itself is off in single precision; 0 where the case does not
     * say. Where a tensor is a small rest of large terms, such as the gradient of an ImageNet
     * stem's first normalisation, nobody's float32 is near the result of double precision.
     */
    private double noise(String name) throws IOException {
        String key = "noise." + name;
        if (!parity.contains(key)) {
            return 0;
        }
        double[] noise = parity.tensor(key).toDoubles();
        if (noise.length != 1 || !(noise[0] >= 0) || Double.isInfinite(noise[0])) {
            throw new IOException(
                    parity.path() + ": the tensor '" + key + "' is not one number from 0 on");
        }
        return noise[0];
    }

    private double error(String name, float[] ours) throws IOException {
        double[] theirs = parity.tensor(name).toDoubles();
        if (theirs.length != ours.length) {
            throw new IOException(
                    parity.path()
                            + ": the tensor '"
                            + name
                            + "' has "
                            + theirs.length
                            + " values, the network has "
                            + ours.length);
        }
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < theirs.length; i++) {
            double d = ours[i] - theirs[i];
            difference += d * d;
            norm += theirs[i] * theirs[i];
        }
        double floor = SMALLEST_NORM * Math.sqrt(theirs.length);
        return Math.sqrt(difference) / Math.max(Math.sqrt(norm), floor);
    }

    private float[] nhwc(float[] nchw, int images) {
        int pixels = spec.inputHeight() * spec.inputWidth();
        int channels = spec.inputChannels();
        float[] out = new float[nchw.length];
        for (int i = 0; i < images; i++) {
            for (int c = 0; c < channels; c++) {
                for (int p = 0; p < pixels; p++) {
                    out[(i * pixels + p) * channels + c] = nchw[(i * channels + c) * pixels + p];
                }
            }
        }
        return out;
    }

    private float[] nchw(float[] nhwc) {
        int pixels = spec.inputHeight() * spec.inputWidth();
        int channels = spec.inputChannels();
        float[] out = new float[nhwc.length];
        for (int i = 0; i < nhwc.length / (pixels * channels); i++) {
            for (int c = 0; c < channels; c++) {
                for (int p = 0; p < pixels; p++) {
                    out[(i * channels + c) * pixels + p] = nhwc[(i * pixels + p) * channels + c];
                }
            }
        }
        return out;
    }
}
