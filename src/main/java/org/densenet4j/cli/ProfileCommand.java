package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.OneLine;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.PlanException;
import org.densenet4j.profile.Ceilings;
import org.densenet4j.profile.Profile;
import org.densenet4j.profile.ProfileReport;
import org.densenet4j.profile.Profiler;
import org.densenet4j.profile.StepTrace;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.train.NonFiniteException;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/** {@code densenet4j profile}. */
@Command(
        name = "profile",
        description = {
            "Runs a few training steps on random images and reports the life of every buffer and the"
                    + " time of every operation.",
            "With --steps 0 only the plan is reported; nothing is allocated."
        },
        mixinStandardHelpOptions = true)
final class ProfileCommand implements Callable<Integer> {
    @Mixin private ModelOption model;
    @Mixin private DeviceOption device;
    @Mixin private BatchOption batch;
    @Mixin private TraceOption trace;
    @Mixin private ReportOption report;

    @Option(
            names = "--strategy",
            paramLabel = "NAME",
            defaultValue = "SHARED",
            description = "NAIVE, SHARED or RECOMPUTE (default: ${DEFAULT-VALUE})")
    private MemoryStrategy strategy;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "5",
            description = "steps to time (default: ${DEFAULT-VALUE})")
    private int steps;

    @Option(
            names = "--warm-up",
            paramLabel = "N",
            defaultValue = "3",
            description = "steps before that, while code is compiled (default: ${DEFAULT-VALUE})")
    private int warmUp;

    @Option(
            names = "--memory-budget",
            paramLabel = "SIZE",
            description = "refuse to run when the plan needs more, such as 450MB or 2GiB")
    private String memoryBudget;

    @Option(
            names = "--lr",
            paramLabel = "RATE",
            defaultValue = "0.01",
            description = "learning rate (default: ${DEFAULT-VALUE})")
    private double learningRate;

    /** For picocli. */
    ProfileCommand() {}

    @Override
    public Integer call() throws IOException {
        if (steps < 0 || warmUp < 0) {
            throw new IllegalArgumentException("--steps and --warm-up: use 0 or more");
        }
        NetworkSpec spec = model.spec("bc-100-12");
        int images = batch.of(spec);
        report.check(ProfileReport.FILES);
        long budget = memoryBudget == null ? Long.MAX_VALUE : Bytes.parse(memoryBudget);
        RandomImages data = new RandomImages(spec, images, 1, 1, 0);
        try (Device d = device.open(trace)) {
            MemoryPlan plan = MemoryPlan.of(spec).strategy(strategy).batch(images).on(d);
            if (steps == 0) {
                write(Profile.of(plan, d.description()));
                return 0;
            }
            Trainer.Builder builder =
                    Trainer.of(spec, d)
                            .strategy(strategy)
                            .batch(images)
                            .memoryBudget(budget)
                            .optimizer(Sgd.nesterov(learningRate));
            try {
                builder.plan();
            } catch (PlanException e) {
                write(Profile.of(plan, d.description(), e.getMessage()));
                throw e;
            }
            Ceilings ceilings = Ceilings.measure(d);
            try (Trainer trainer = builder.open();
                    Profiler profiler = Profiler.attach(trainer, d)) {
                run(trainer, d, profiler, data, ceilings);
            }
        }
        return 0;
    }

    private void run(
            Trainer trainer, Device d, Profiler profiler, RandomImages data, Ceilings ceilings)
            throws IOException {
        StepTrace taken = StepTrace.NONE;
        try {
            for (int s = 0; s < warmUp + steps; s++) {
                if (s == warmUp) {
                    profiler.reset();
                    d.takeTrace();
                }
                RandomBatch images = data.next();
                long start = System.nanoTime();
                images.train(trainer, null);
                if (s >= warmUp) {
                    taken = taken.plus(StepTrace.take(d, WarmedSteps.secondsSince(start)));
                }
            }
        } catch (NonFiniteException | DeviceException e) {
            write(profiler.profile(e).withCeilings(ceilings));
            throw e;
        }
        write(profiler.profile().withCeilings(ceilings).withTrace(taken));
        if (taken.isEmpty()) {
            trace.print("a step", taken, d);
        }
    }

    private void write(Profile profile) throws IOException {
        System.out.print(ProfileReport.text(profile));
        Path folder = report.folder("profile", ProfileReport.FILES);
        ProfileReport.write(profile, folder);
        System.out.println("report: " + OneLine.of(folder.resolve("report.html").toString()));
    }
}
