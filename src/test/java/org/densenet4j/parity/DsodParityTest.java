package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.Tensor;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.SpecMetadata;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What PyTorch computed of a small DSOD in double precision, with targets for all outputs of its
 * heads: the reference computes the same, and the engine under every strategy on both backends.
 */
class DsodParityTest {
    private static final Path RECORD =
            Path.of("src/test/resources/golden/networks/dsod-small.safetensors");

    /** Records of gradients are in single precision. */
    private static final double ROUNDING = 1e-6;

    /** Of the engine's, where batch norms of a dozen values and L2 norms amplify it. */
    private static final double SINGLE = 2e-4;

    private static final int STEPS = 3;

    /** A head's logits and targets, channels last. */
    private record Head(String name, int channels, double[] targets) {
        /** Of the mean of squared errors, halved. */
        double loss(double[] logits) {
            double sum = 0;
            for (int i = 0; i < logits.length; i++) {
                sum += Math.pow(logits[i] - targets[i], 2);
            }
            return sum / 2 / logits.length;
        }

        double[] gradient(double[] logits) {
            double[] gradient = new double[logits.length];
            for (int i = 0; i < logits.length; i++) {
                gradient[i] = (logits[i] - targets[i]) / logits.length;
            }
            return gradient;
        }
    }

    private final Safetensors file;
    private final DsodSpec spec;
    private final int images;
    private final double[] input;
    private final List<Head> heads = new ArrayList<>();

    DsodParityTest() throws IOException {
        file = Safetensors.open(RECORD);
        spec = (DsodSpec) SpecMetadata.read(file.metadata(), file.names().size());
        images = Math.toIntExact(file.tensor("input").shape().getFirst());
        input = channelsLast("input");
        for (Node node : spec.graph().heads()) {
            PixelHead head = (PixelHead) node;
            String targets = "targets." + (heads.size() + 1);
            heads.add(new Head(head.name(), head.classes(), channelsLast(targets)));
        }
    }

    private double[] channelsLast(String name) {
        Tensor tensor = file.tensor(name);
        int channels = Math.toIntExact(tensor.shape().get(1));
        double[] from = tensor.toDoubles();
        int pixels = from.length / images / channels;
        double[] to = new double[from.length];
        for (int i = 0; i < from.length; i++) {
            int image = i / (channels * pixels);
            int c = i / pixels % channels;
            to[(image * pixels + i % pixels) * channels + c] = from[i];
        }
        return to;
    }

    private void assertClose(String name, double[] expected, double[] ours, double tolerance) {
        double error = Difference.relative(ours, expected);
        assertTrue(error <= tolerance, name + " is off by " + error);
    }

    private void assertClose(String name, double[] ours, double tolerance) {
        assertClose(name, file.tensor(name).toDoubles(), ours, tolerance);
    }

    @Test
    void theReferenceIsPyTorchs() {
        ReferenceNetwork network = new ReferenceNetwork(spec);
        for (ParameterSpec p : spec.graph().parameters()) {
            copy(p, network.parameter(p.name()));
        }
        for (ParameterSpec p : spec.graph().runningStatistics()) {
            copy(p, network.runningStatistic(p.name()));
        }
        for (Mode mode : new Mode[] {Mode.EVALUATE, Mode.TRAIN}) {
            network.forward(input, mode, ReferenceNetwork.Dropout.NONE);
            String name = mode == Mode.TRAIN ? "train.logits." : "eval.logits.";
            for (int i = 0; i < heads.size(); i++) {
                double[] theirs = channelsLast(name + (i + 1));
                assertClose(name + (i + 1), theirs, network.logits(i), 1e-9);
            }
        }
        double loss = 0;
        for (int i = 0; i < heads.size(); i++) {
            double[] logits = network.logits(i);
            loss += heads.get(i).loss(logits);
            network.logitsGradient(i, heads.get(i).gradient(logits));
        }
        assertClose("train.loss", new double[] {loss}, 1e-9);
        network.backward();
        for (ParameterSpec p : spec.graph().parameters()) {
            assertClose("train.grad." + p.name(), network.gradient(p.name()), ROUNDING);
        }
        for (ParameterSpec p : spec.graph().runningStatistics()) {
            assertClose("train.running." + p.name(), network.runningStatistic(p.name()), ROUNDING);
        }
    }

    private void copy(ParameterSpec p, double[] to) {
        double[] values = file.tensor("weights." + p.name()).toDoubles();
        assertEquals(to.length, values.length);
        System.arraycopy(values, 0, to, 0, to.length);
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theEngineIsPyTorchsOnBothBackends(MemoryStrategy strategy) {
        DeviceOptions direct = new DeviceOptions(2, false, true).withWinograd(false);
        try (Device cpu = Device.open("cpu", direct);
                Device cuda = new EmulatedDevice(DeviceOptions.defaults())) {
            for (Device device : List.of(cpu, cuda)) {
                MemoryPlan plan =
                        MemoryPlan.of(spec)
                                .strategy(strategy)
                                .batch(images)
                                .inputGradient(true)
                                .on(device);
                try (Network network = Network.open(plan, device, 0)) {
                    check(network);
                }
            }
        }
    }

    private void check(Network network) {
        for (ParameterSpec p : network.parameters()) {
            network.parameter(p.name(), file.tensor("weights." + p.name()).toFloats());
        }
        for (ParameterSpec p : network.runningStatistics()) {
            network.runningStatistic(p.name(), file.tensor("weights." + p.name()).toFloats());
        }
        float[] pixels = Difference.toFloats(input);
        network.input(pixels, images);
        network.forward(new Pass(images, Mode.EVALUATE, 0, 0));
        assertLogits("eval.logits.", network);
        SgdStep sgd =
                SgdStep.of(number("lr"))
                        .withMomentum(number("momentum"), true)
                        .withWeightDecay(number("weight_decay"), true);
        double[] losses = new double[STEPS];
        for (int step = 0; step < STEPS; step++) {
            Pass pass = new Pass(images, Mode.TRAIN, 0, step);
            network.input(pixels, images);
            network.forward(pass);
            if (step == 0) {
                assertLogits("train.logits.", network);
            }
            losses[step] = loss(network);
            network.zeroGradients();
            network.backward(pass);
            if (step == 0) {
                checkGradients(network);
            }
            network.update(sgd);
            if (step != 1) {
                for (ParameterSpec p : network.parameters()) {
                    String name = "sgd" + (step + 1) + "." + p.name();
                    double[] found = Difference.toDoubles(network.parameter(p.name()));
                    assertClose(name, found, SINGLE);
                }
            }
        }
        assertClose("sgd.losses", losses, SINGLE);
    }

    private double number(String key) {
        return Double.parseDouble(file.metadata().get(key));
    }

    private void assertLogits(String prefix, Network network) {
        for (int i = 0; i < heads.size(); i++) {
            double[] logits = Difference.toDoubles(network.logits(heads.get(i).name(), images));
            String name = prefix + (i + 1);
            assertClose(name, channelsLast(name), logits, SINGLE);
        }
    }

    private double loss(Network network) {
        double loss = 0;
        for (Head head : heads) {
            double[] logits = Difference.toDoubles(network.logits(head.name(), images));
            loss += head.loss(logits);
            float[] gradient = Difference.toFloats(head.gradient(logits));
            network.logitsGradient(head.name(), gradient, images);
        }
        return loss;
    }

    private void checkGradients(Network network) {
        for (ParameterSpec p : network.parameters()) {
            String name = "train.grad." + p.name();
            assertClose(name, Difference.toDoubles(network.gradient(p.name())), SINGLE);
        }
        for (ParameterSpec p : network.runningStatistics()) {
            String name = "train.running." + p.name();
            assertClose(name, Difference.toDoubles(network.runningStatistic(p.name())), SINGLE);
        }
        double[] theirs = channelsLast("train.grad.input");
        double[] ours = Difference.toDoubles(network.inputGradient(images));
        assertClose("train.grad.input", theirs, ours, SINGLE);
    }
}
