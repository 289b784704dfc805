package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.LearningRateSchedule;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;

/** {@code densenet4j train}: the main job. */
@Command(
        name = "train",
        description = {
            "Trains a DenseNet and saves it.",
            "Without options: a DenseNet-BC on generated glyph images, about two minutes on two"
                    + " cores."
        },
        mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
    private static final String DEFAULT_MODEL = "bc-40-12";

    enum Schedule {
        COSINE,
        STEP,
        CONSTANT
    }

    @Mixin private ModelOption model;
    @Mixin private DataOption data;
    @Mixin private DeviceOption device;
    @Mixin private PretrainedOption pretrained;

    @Option(
            names = "--epochs",
            paramLabel = "N",
            defaultValue = "5",
            description = "passes over the training images (default: ${DEFAULT-VALUE})")
    private int epochs;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "64",
            description = "images per step (default: ${DEFAULT-VALUE})")
    private int batch;

    @Option(
            names = "--accumulate",
            paramLabel = "N",
            defaultValue = "1",
            description = "micro-batches that each batch is worked through in (default: 1)")
    private int accumulate;

    @Option(
            names = "--strategy",
            paramLabel = "NAME",
            defaultValue = "SHARED",
            description = "NAIVE, SHARED or RECOMPUTE (default: ${DEFAULT-VALUE})")
    private MemoryStrategy strategy;

    @Option(
            names = "--memory-budget",
            paramLabel = "SIZE",
            description = "refuse to start when the plan needs more, such as 450MB or 2GiB")
    private String memoryBudget;

    @Option(
            names = "--lr",
            paramLabel = "RATE",
            defaultValue = "0.1",
            description = "learning rate (default: ${DEFAULT-VALUE})")
    private double learningRate;

    @Option(
            names = "--schedule",
            paramLabel = "NAME",
            defaultValue = "COSINE",
            description =
                    "COSINE, STEP (divided by 10 at 50 %% and 75 %%) or CONSTANT (default:"
                            + " ${DEFAULT-VALUE})")
    private Schedule schedule;

    @Option(
            names = "--weight-decay",
            paramLabel = "D",
            defaultValue = "1e-4",
            description = "on every parameter (default: ${DEFAULT-VALUE})")
    private double weightDecay;

    @Option(
            names = "--momentum",
            paramLabel = "M",
            defaultValue = "0.9",
            description = "of Nesterov")
    private double momentum;

    @Option(
            names = "--no-decay-norms",
            description = "exempt batch-norm parameters and biases from weight decay")
    private boolean noDecayNorms;

    @Option(
            names = "--label-smoothing",
            paramLabel = "S",
            defaultValue = "0",
            description = "share")
    private double labelSmoothing;

    @Option(
            names = "--clip",
            paramLabel = "NORM",
            defaultValue = "0",
            description = "largest gradient norm (default: no clipping)")
    private double clip;

    @Option(
            names = "--freeze-bn",
            description = "fine-tune with each layer's running statistics as constants")
    private boolean freezeBatchNorm;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "of all draws")
    private long seed;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "run folder (default: runs/ and the time)")
    private Path out;

    @Option(
            names = "--resume",
            paramLabel = "FILE",
            description = "continue from a checkpoint.safetensors; give the same options")
    private Path resume;

    @Option(
            names = "--no-compare",
            description = "do not measure NAIVE and SHARED memory side by side at the end")
    private boolean noCompare;

    /** For picocli. */
    TrainCommand() {}

    @Override
    public Integer call() throws IOException {
        if (epochs < 1) {
            throw new IllegalArgumentException("epochs = " + epochs + ": use 1 or more");
        }
        DataOption.Source source = data.open();
        DenseNetSpec spec = spec(source);
        Sgd sgd = new Sgd(learningRate, momentum, momentum > 0, weightDecay, !noDecayNorms);
        Path folder = out != null ? out : resume != null ? folderOf(resume) : newFolder();
        try (Device d = device.open()) {
            Trainer.Builder builder =
                    Trainer.of(spec, d)
                            .strategy(strategy)
                            .batch(batch)
                            .accumulate(accumulate)
                            .optimizer(sgd)
                            .labelSmoothing(labelSmoothing)
                            .clipGradients(clip)
                            .freezeBatchNorm(freezeBatchNorm)
                            .seed(seed);
            if (memoryBudget != null) {
                builder.memoryBudget(Bytes.parse(memoryBudget));
            }
            boolean finished;
            try (Trainer trainer = builder.open()) {
                if (resume == null) {
                    pretrained.load(trainer.network());
                }
                MemoryPlan plan = trainer.plan();
                System.out.println(spec);
                System.out.println("on " + d.description());
                System.out.printf(
                        Locale.ROOT,
                        "%,d training and %,d test images, batch %d, %s, %s of memory%n",
                        source.train().size(),
                        source.test().size(),
                        batch,
                        strategy,
                        Bytes.format(plan.peakBytes()));
                TrainingRun run =
                        new TrainingRun(trainer, source, schedule(), epochs, batch, seed, folder);
                finished = run.train(resume);
            }
            if (!finished) {
                return 130; // the shell's code for Ctrl-C
            }
            if (!noCompare) {
                compareMemory(spec, d);
            }
        }
        return 0;
    }

    private DenseNetSpec spec(DataOption.Source source) throws IOException {
        if (resume != null) {
            return Checkpoint.spec(resume);
        }
        model.mustFit(source.train());
        DenseNetSpec spec =
                model.builder(DEFAULT_MODEL)
                        .inputSize(source.train().height(), source.train().width())
                        .classes(source.train().classes())
                        .build();
        if (model.builder(DEFAULT_MODEL).build().stem() != spec.stem()) {
            throw new IllegalArgumentException("the model's stem does not fit the data");
        }
        return spec;
    }

    private static Path folderOf(Path file) {
        Path parent = file.toAbsolutePath().getParent();
        return parent == null ? Path.of(".") : parent;
    }

    private static Path newFolder() {
        String time =
                LocalDateTime.now(ZoneId.systemDefault())
                        .format(DateTimeFormatter.ofPattern("yyyy-MM-dd-HHmmss", Locale.ROOT));
        return Path.of("runs", time);
    }

    private LearningRateSchedule schedule() {
        return switch (schedule) {
            case COSINE -> LearningRateSchedule.cosine(learningRate).withWarmUp(0.05);
            case STEP -> LearningRateSchedule.step(learningRate);
            case CONSTANT -> LearningRateSchedule.constant(learningRate);
        };
    }

    /** The same steps under NAIVE and under the run's strategy, each in a process of its own. */
    private void compareMemory(DenseNetSpec spec, Device d) throws IOException {
        MemoryStrategy ours = strategy == MemoryStrategy.NAIVE ? MemoryStrategy.SHARED : strategy;
        long naiveBytes =
                MemoryPlan.of(spec)
                        .strategy(MemoryStrategy.NAIVE)
                        .batch(Math.ceilDiv(batch, accumulate))
                        .on(d)
                        .peakBytes();
        if (naiveBytes > d.availableBytes()) {
            System.out.printf(
                    "%nNAIVE would need %s, more than this machine has left%n",
                    Bytes.format(naiveBytes));
            return;
        }
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("--model", spec.name()));
        arguments.addAll(List.of("--classes", String.valueOf(spec.classes())));
        arguments.addAll(List.of("--compression", String.valueOf(spec.compression())));
        arguments.addAll(List.of("--dropout", String.valueOf(spec.dropout())));
        arguments.addAll(List.of("--input-size", String.valueOf(spec.inputHeight())));
        arguments.addAll(List.of("--batch", String.valueOf(Math.ceilDiv(batch, accumulate))));
        arguments.addAll(List.of("--steps", "12"));
        System.out.printf(
                "%npeak memory of a training step, each in a fresh process%n%-10s %12s %12s %12s"
                        + " %11s%n",
                "strategy", "predicted", "allocated", "resident", "images/s");
        for (MemoryStrategy s : List.of(MemoryStrategy.NAIVE, ours)) {
            MeasuredProcess measured = MeasuredProcess.run(s, arguments);
            System.out.printf(
                    Locale.ROOT,
                    "%-10s %12s %12s %12s %11.1f%n",
                    s,
                    Bytes.format(measured.predicted()),
                    Bytes.format(measured.allocated()),
                    ResidentMemory.isKnown() ? Bytes.format(measured.resident()) : "unknown",
                    measured.imagesPerSecond());
        }
        System.out.println(
                "(resident: growth of the whole process, generated code and libraries included)");
    }
}
