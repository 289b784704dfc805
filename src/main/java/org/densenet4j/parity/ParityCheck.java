package org.densenet4j.parity;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.ParityCase;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.Kink;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.SpecMetadata;
import org.densenet4j.spec.Stem;
import org.densenet4j.train.Sgd;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Runs a {@link ParityCase} under one strategy on one device and compares everything it recorded.
 *
 * <p>The error of a tensor is {@code |ours − theirs| / |theirs|} in the Euclidean norm. A gradient
 * that is further off than it may be, or what follows from it, is explained where double precision
 * shows why: the record is what double precision gives, and the difference is what it gives with
 * some {@link Kinks} the other way, or no more than rounding moves this tensor.
 */
public final class ParityCheck {
    /** Tolerance of logits, losses and running statistics in single precision. */
    public static final double OUTPUT_TOLERANCE = 1e-4;

    /** Tolerance of gradients and of parameters after optimiser steps in single precision. */
    public static final double GRADIENT_TOLERANCE = 1e-3;

    /** A tensor may be off by this many times the recording framework's own error. */
    private static final double NOISE_FACTOR = 2;

    /** Where double precision does not show that a record is right, more noise excuses nothing. */
    private static final double MOST_NOISE = 0.1;

    private static final double MOST_MULTIPLY_ADDS = 5e9;
    private static final double SHARE_OF_HEAP = 0.4;

    /**
     * The worst tensor of a group.
     *
     * @param group {@code eval.logits}, {@code train.grad}, ...
     * @param tensors how many tensors were compared
     * @param error relative error of the worst among them
     * @param worst the tensor that is furthest off, in units of what it may be
     * @param tolerance what it may be off by
     * @param passed whether every tensor is within its tolerance or explained, and as double
     *     precision has it where the record was computed so
     * @param note what explains those that are further off, or what is wrong; may be empty
     */
    public record Group(
            String group,
            int tensors,
            double error,
            String worst,
            double tolerance,
            boolean passed,
            String note) {
        /** Whether it passed because every tensor is within its tolerance. */
        public boolean within() {
            return passed && error <= tolerance;
        }
    }

    private final ParityCase parity;
    private final NetworkSpec spec;
    private final CaseTensors tensors;
    private final Map<String, double[]> weights;
    private final PixelOrder order;
    private final PixelOrder logitsOrder;
    private final CaseBatch batch;
    private final Sgd sgd;
    private final DoublePrecision pass;
    private final Kinks kinks;
    private final ExactValues exact;

    /** Whether the record was computed in double precision, as far as that is known. */
    private final boolean recordIsExact;

    private ParityCheck(ParityCase parity) throws IOException {
        this.parity = parity;
        this.spec = spec(parity);
        this.tensors = CaseTensors.of(parity, spec);
        this.weights = tensors.weights();
        this.order = PixelOrder.ofImages(spec);
        this.logitsOrder = PixelOrder.ofLogits(spec);
        this.sgd = sgd(parity);
        this.batch = CaseBatch.of(parity, spec);
        if (isSmallEnough()) {
            exact = ExactValues.of(spec, weights, batch, sgd, parity.steps());
            recordIsExact = exact.isHowItWasComputed(parity, tensors.names("train.grad."));
            pass = doublePrecision();
            pass.pass();
            kinks = pass.kinks();
        } else {
            exact = null;
            recordIsExact = false;
            pass = null;
            kinks = null;
        }
    }

    /**
     * Prepares to compare with a case.
     *
     * @throws IOException in one line when the case does not describe a valid network, or its
     *     tensors are not that network's
     */
    public static ParityCheck of(ParityCase parity) throws IOException {
        return new ParityCheck(parity);
    }

    /** The network that a case describes. */
    public static NetworkSpec spec(ParityCase parity) throws IOException {
        try {
            return parity.recordsSpec()
                    ? SpecMetadata.read(parity.metadata(), parity.names().size())
                    : denseNet(parity);
        } catch (IllegalArgumentException e) {
            throw new IOException(parity.path() + ": " + e.getMessage(), e);
        }
    }

    /** The network of a case that says only what DenseNets need. */
    private static DenseNetSpec denseNet(ParityCase parity) throws IOException {
        return DenseNetSpec.builder()
                .name("parity case")
                .growthRate(parity.growthRate())
                .layersPerBlock(parity.blockConfig().stream().mapToInt(Integer::intValue).toArray())
                .initialChannels(parity.initialChannels())
                .bottleneckWidth(parity.bottleneckWidth())
                .compression(parity.compression())
                .stem(parity.imageNetStem() ? Stem.IMAGENET : Stem.SMALL)
                .classes(parity.classes())
                .inputSize(parity.inputSize())
                .bnEpsilon(parity.bnEpsilon())
                .bnMomentum(parity.bnMomentum())
                .build();
    }

    private static Sgd sgd(ParityCase parity) throws IOException {
        try {
            return new Sgd(
                    parity.learningRate(),
                    parity.momentum(),
                    parity.nesterov(),
                    parity.weightDecay(),
                    true);
        } catch (IllegalArgumentException e) {
            throw new IOException(parity.path() + ": " + e.getMessage(), e);
        }
    }

    private boolean isSmallEnough() {
        double multiplyAdds = (double) spec.graph().multiplyAdds() * batch.images();
        double bytes = 2 * ReferenceNetwork.bytes(spec, batch.images());
        return multiplyAdds <= MOST_MULTIPLY_ADDS
                && bytes <= SHARE_OF_HEAP * Runtime.getRuntime().maxMemory();
    }

    private DoublePrecision doublePrecision() {
        return new DoublePrecision(spec, weights, batch);
    }

    /**
     * Where the training pass is within rounding of a kink; empty where the network is too large to
     * be looked at in double precision, and nothing is explained.
     */
    public Optional<Kinks> kinks() {
        return Optional.ofNullable(kinks);
    }

    /** Tensors of the file that nothing is compared with. */
    public List<String> unused() {
        return tensors.unused();
    }

    /** Compares everything that the case has. */
    public List<Group> run(Device device, MemoryStrategy strategy) {
        EngineResults ours =
                EngineResults.of(spec, weights, batch, sgd, parity.steps(), device, strategy);
        List<Group> groups = new ArrayList<>();
        groups.add(one("eval.logits", ours.evalLogits()));
        groups.add(one("train.logits", ours.trainLogits()));
        groups.add(one("train.loss", new double[] {ours.trainLoss()}));
        Supplier<Explanation> gradients = pass == null ? null : once(() -> explainGradients(ours));
        groups.add(
                compare(
                        "train.grad.input",
                        "train.grad.",
                        List.of("input"),
                        ours.gradients(),
                        GRADIENT_TOLERANCE,
                        gradients));
        groups.add(
                compare(
                        "train.grad",
                        "train.grad.",
                        tensors.names("train.grad."),
                        ours.gradients(),
                        GRADIENT_TOLERANCE,
                        gradients));
        List<String> running = tensors.names("train.running.");
        if (!running.isEmpty()) { // layer normalisation keeps none
            groups.add(
                    compare(
                            "train.running",
                            "train.running.",
                            running,
                            ours.running(),
                            OUTPUT_TOLERANCE,
                            null));
        }
        compareSteps(ours, groups);
        return groups;
    }

    /** Compares everything that a case has. */
    public static List<Group> run(ParityCase parity, Device device, MemoryStrategy strategy)
            throws IOException {
        return of(parity).run(device, strategy);
    }

    private void compareSteps(EngineResults ours, List<Group> groups) {
        int steps = parity.steps();
        if (steps == 0) {
            return;
        }
        Supplier<List<Explanation>> replay = pass == null ? null : once(() -> explainSteps(ours));
        double[] losses = new double[steps];
        for (int step = 1; step <= steps; step++) {
            EngineResults.Step taken = ours.steps().get(step - 1);
            losses[step - 1] = taken.loss();
            String prefix = "sgd" + step + ".";
            int index = step - 1;
            if (!tensors.names(prefix).isEmpty()) {
                groups.add(
                        compare(
                                "sgd" + step,
                                prefix,
                                tensors.names(prefix),
                                taken.parameters(),
                                GRADIENT_TOLERANCE,
                                replay == null ? null : () -> replay.get().get(index)));
            }
        }
        groups.add(
                compare(
                        "sgd.losses",
                        "sgd.",
                        List.of("losses"),
                        Map.of("losses", losses),
                        OUTPUT_TOLERANCE,
                        replay == null ? null : () -> replay.get().getLast()));
    }

    private Group one(String name, double[] ours) {
        return compare(name, "", List.of(name), Map.of(name, ours), OUTPUT_TOLERANCE, null);
    }

    // ---------------------------------------------------------------- explanations

    private static <T> Supplier<T> once(Supplier<T> supplier) {
        List<T> value = new ArrayList<>(1);
        return () -> {
            if (value.isEmpty()) {
                value.add(supplier.get());
            }
            return value.getFirst();
        };
    }

    private Explanation explainGradients(EngineResults ours) {
        List<Kink> flipped = FlipSearch.search(pass, ours.gradients());
        pass.backward(flipped);
        return new Explanation(
                flipped.size(), exact.gradients(), pass.gradients(), pass.roundedGradients());
    }

    private List<Explanation> explainSteps(EngineResults ours) {
        return OptimiserReplay.explain(doublePrecision(), exact, sgd, ours.steps());
    }

    // ---------------------------------------------------------------- comparisons

    /** How a tensor compares. */
    private record Verdict(String name, double error, double allowed, boolean holds, String note) {
        /** NaN is worst. */
        double severity() {
            double share = error / allowed;
            return Double.isNaN(share) ? Double.POSITIVE_INFINITY : share;
        }
    }

    /**
     * Compares tensors {@code prefix + name}.
     *
     * @param why what explains differences; null where nothing can
     */
    private Group compare(
            String group,
            String prefix,
            List<String> names,
            Map<String, double[]> ours,
            double tolerance,
            Supplier<Explanation> why) {
        Verdict worst = null;
        boolean holds = true;
        for (String name : names) {
            Verdict v = verdict(prefix, name, ours.get(name), tolerance, why);
            boolean fault = !v.holds();
            if (worst == null
                    || fault && holds
                    || fault == !holds && v.severity() > worst.severity()) {
                worst = v;
            }
            holds &= v.holds();
        }
        return new Group(
                group,
                names.size(),
                worst.error(),
                worst.name().equals("losses") || worst.name().equals("input")
                        ? group
                        : worst.name(),
                worst.allowed(),
                holds,
                worst.note());
    }

    private Verdict verdict(
            String prefix,
            String name,
            double[] ours,
            double tolerance,
            Supplier<Explanation> why) {
        double[] theirs = recorded(prefix + name);
        double error = Difference.relative(ours, theirs);
        String fault = recordIsExact ? exact.fault(prefix + name, theirs) : "";
        if (!fault.isEmpty()) {
            return new Verdict(name, error, tolerance, false, fault);
        }
        if (error <= tolerance) {
            return new Verdict(name, error, tolerance, true, "");
        }
        double noise = noise(prefix + name);
        if (why == null || !Double.isFinite(error)) {
            double allowed = Math.max(tolerance, noise);
            return new Verdict(name, error, allowed, error <= allowed, "");
        }
        Explanation e = why.get();
        if (!e.recordHolds(name, theirs)) {
            String note =
                    say("the record is off double precision by %.1e", e.recordError(name, theirs));
            return new Verdict(name, error, tolerance, false, note);
        }
        if (error <= noise) {
            return new Verdict(name, error, noise, true, "");
        }
        double allowed = Math.max(tolerance, noise);
        double rounding = e.rounding(name);
        double rest = e.errorBesideFlips(name, ours, theirs);
        if (e.flips() > 0 && rest <= allowed) {
            String note = say("explained by %s: %.1e beside", Kinks.count(e.flips(), "kink"), rest);
            return new Verdict(name, error, allowed, true, note);
        }
        if (rest <= rounding) {
            String note = say("explained by cancellation: rounding may move it by %.1e", rounding);
            return new Verdict(name, error, allowed, true, note);
        }
        if (e.roundingOfHalf() > tolerance) {
            String note =
                    say(
                            "cannot be told: rounding may move half of the tensors by %.1e",
                            e.roundingOfHalf());
            return new Verdict(name, error, allowed, true, note);
        }
        String note = say("the record is what double precision gives; no kinks explain %.1e", rest);
        return new Verdict(name, error, allowed, false, note);
    }

    /** What a gradient may be off by because the recording framework itself is. */
    private double noise(String name) {
        if (!name.startsWith("train.grad.")) {
            return 0;
        }
        double noise = parity.noise(name);
        return NOISE_FACTOR * (recordIsExact ? noise : Math.min(noise, MOST_NOISE));
    }

    private double[] recorded(String name) {
        double[] values = parity.tensor(name).toDoubles();
        return switch (name) {
            case "train.grad.input" -> order.channelsLast(values);
            case "eval.logits", "train.logits" -> logitsOrder.channelsLast(values);
            default -> values;
        };
    }

    private static String say(String format, Object... arguments) {
        return String.format(Locale.ROOT, format, arguments);
    }
}
