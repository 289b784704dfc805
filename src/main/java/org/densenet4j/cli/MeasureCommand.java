package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.profile.StepTrace;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.DoubleStream;

/**
 * {@code densenet4j measure}: a few training steps of one strategy, or a few passes of inference,
 * in this process, reported as one line of {@code key=value}. Other commands run it in a process of
 * its own, so that resident memory is honest.
 */
@Command(
        name = "measure",
        hidden = true,
        description = "Measures training steps of one strategy, or inference, in this process.",
        mixinStandardHelpOptions = true)
final class MeasureCommand implements Callable<Integer> {
    @Mixin private ModelOption model;
    @Mixin private DeviceOption device;
    @Mixin private BatchOption batch;
    @Mixin private TraceOption trace;
    @Mixin private WarmUpOption warmUp;
    @Mixin private OverwriteOption overwrite;

    @Option(names = "--strategy", defaultValue = "SHARED", description = "what is kept")
    private MemoryStrategy strategy;

    @Option(names = "--steps", defaultValue = "10", description = "steps, the first half warm-up")
    private int steps;

    @Option(names = "--seed", defaultValue = "1", description = "of parameters and images")
    private long seed;

    @Option(
            names = "--point",
            split = ",",
            converter = BenchPoint.Converter.class,
            description =
                    "MODEL:BATCH or MODEL:BATCH:N[xM], measured one after the other instead of"
                            + " --model and --batch")
    private List<BenchPoint> points = List.of();

    @Option(
            names = "--batches",
            defaultValue = "0",
            description = "different batches, used in turn; 0: a new one for each step")
    private int batches;

    @Option(names = "--inference", description = "forward passes of inference instead of steps")
    private boolean inference;

    @Option(
            names = "--condensed",
            description =
                    "with --inference: 1x1 convolutions with learned groups have lost their inputs")
    private boolean condensed;

    @Option(names = "--gradients", description = "where to save the first step's gradients")
    private Path gradients;

    /** For picocli. */
    MeasureCommand() {}

    @Override
    public Integer call() throws IOException {
        if (steps < 1) {
            throw new IllegalArgumentException("steps = " + steps + ": use 1 or more");
        }
        warmUp.seconds(0); // refuses a wrong one before anything has run
        if (inference && trace.isOn()) {
            throw new IllegalArgumentException("--trace is of training steps, not of --inference");
        }
        if (gradients != null) {
            overwrite.rule(List.of()).checkFile(gradients);
        }
        try (Device d = device.open(trace)) {
            if (points.isEmpty()) {
                NetworkSpec spec = model.spec("bc-100-12");
                measure(spec, batch.of(spec), d);
            }
            for (BenchPoint point : points) {
                measure(point.spec(model), point.batch(), d);
            }
        }
        return 0;
    }

    private void measure(NetworkSpec spec, int images, Device d) throws IOException {
        if (inference) {

            new InferenceMeasurement(spec, images, steps, warmUp.seconds(0), seed, condensed)
                    .on(d)
                    .print();
            return;
        }
        boolean staged = d.stagesInput() && heapHoldsTwo(spec, images);
        // A batch that is copied while the step before it runs needs an array of its own.
        RandomImages data = new RandomImages(spec, images, seed, staged ? 2 : 1, batches);
        long before = ResidentMemory.current();
        long free = d.availableBytes();
        try (Trainer trainer =
                Trainer.of(spec, d)
                        .strategy(strategy)
                        .batch(images)
                        .seed(seed)
                        .optimizer(Sgd.nesterov(0.01))
                        .open()) {
            List<StepTrace> traces = new ArrayList<>();
            MeasuredSteps measured = run(trainer, data, staged, d, traces);
            new MeasuredLine(
                            strategy.name(),
                            images,
                            trainer.plan().peakBytes(),
                            trainer.network().allocatedBytes(),
                            trainer.plan().activationBytes(),
                            ResidentMemory.largest() - before,
                            measured.seconds(),
                            measured.losses(),
                            facts(trainer, d, staged, free))
                    .print();
            trace.print(traces, measured.seconds().length, d);
        }
    }

    /** Whether two batches take no more than half of the largest heap. */
    private static boolean heapHoldsTwo(NetworkSpec spec, int images) {
        long floats = (long) images * spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        return 2 * floats * Float.BYTES <= Runtime.getRuntime().maxMemory() / 2;
    }

    /** How the device computed, and what it lost of its memory since {@code freeBefore}. */
    private static Map<String, String> facts(
            Trainer trainer, Device d, boolean staged, long freeBefore) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("graphs", trainer.network().recording());
        Map<String, String> ofDevice = d.facts();
        facts.putAll(ofDevice);
        if ("fused".equals(ofDevice.get("layers"))) {
            facts.putAll(FusedHalves.of(trainer.plan(), d).facts());
        }
        if (d.stagesInput()) {
            facts.put("input", staged ? "staged" : "copied");
            facts.put("deviceBytes", String.valueOf(freeBefore - d.availableBytes()));
        }
        return facts;
    }

    /**
     * What steps gave.
     *
     * @param seconds of those that count
     * @param losses of all
     */
    private record MeasuredSteps(double[] seconds, double[] losses) {}

    /**
     * Runs the steps. A device that stages gets the batch of the next step with each, as a training
     * run does, so that no step waits for the copy of its images.
     */
    private MeasuredSteps run(
            Trainer trainer, RandomImages data, boolean staged, Device d, List<StepTrace> traces)
            throws IOException {
        DoubleStream.Builder losses = DoubleStream.builder();
        RandomBatch[] coming = {staged ? data.next() : null};
        WarmedSteps.Step step =
                number -> {
                    RandomBatch images = staged ? coming[0] : data.next();
                    coming[0] = staged ? data.next() : null;
                    long start = System.nanoTime();
                    losses.add(images.train(trainer, coming[0]).loss());
                    double taken = WarmedSteps.secondsSince(start);
                    if (number == 0 && gradients != null) {
                        save(trainer.network());
                    }
                    return taken;
                };
        double[] seconds = WarmedSteps.run(steps, warmUp.seconds(0), trace.each(step, d, traces));
        return new MeasuredSteps(seconds, losses.build().toArray());
    }

    private void save(Network network) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        for (ParameterSpec p : network.parameters()) {
            writer.floats(p.name(), p.shape(), () -> network.gradient(p.name()));
        }
        writer.write(gradients);
    }
}
