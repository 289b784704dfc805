package org.densenet4j.bench;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.FamilySpec;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One way of doing some work on one model, on either side.
 *
 * @param model a preset's name
 * @param batch images of a step
 * @param work what is done
 * @param precision in which
 * @param kind whom it competes as
 * @param label what tells it from others of its kind
 * @param mostRounds processes that it gets at most
 * @param command of a fresh process
 * @param jemalloc whether that process is to run under jemalloc
 */
record Contender(
        String model,
        int batch,
        Work work,
        Precision precision,
        Kind kind,
        String label,
        int mostRounds,
        List<String> command,
        boolean jemalloc) {
    /**
     * For what does not decide the first column: slow variants are there to be seen, and inference
     * varies little.
     */
    private static final int FEW_ROUNDS = 2;

    /** Whom a variant competes as: of each kind the fastest counts. */
    enum Kind {
        /** libtorch as it is fastest. */
        LIBTORCH,
        /** libtorch with checkpointed layers. */
        CHECKPOINTED,
        /** Ours; inference runs as this, too. */
        SHARED,
        /** Ours. */
        RECOMPUTE,
        /** Ours. */
        NAIVE;

        boolean isOurs() {
            return this != LIBTORCH && this != CHECKPOINTED;
        }
    }

    /** All contenders for some work on a model: ours first and last, libtorch's in between. */
    static List<Contender> all(
            Settings settings, String point, Work work, Precision precision, boolean hasJemalloc) {
        String[] parts = point.split(":", 2);
        int batch = Integer.parseInt(parts[1]);
        NetworkSpec spec = FamilySpec.preset(parts[0]).build();
        List<Contender> all = new ArrayList<>();
        all.add(ours(settings, parts[0], batch, work, precision, Kind.SHARED));
        if (!settings.oursOnly()) {
            for (PeerVariant v : PeerVariant.all(spec, work, precision, hasJemalloc)) {
                all.add(peer(settings, parts[0], batch, v));
            }
        }
        if (work == Work.TRAINING) {
            all.add(ours(settings, parts[0], batch, work, precision, Kind.RECOMPUTE));
            all.add(ours(settings, parts[0], batch, work, precision, Kind.NAIVE));
        }
        return all;
    }

    private static int steps(Settings settings, Work work) {
        return work == Work.INFERENCE ? 2 * settings.steps() : settings.steps();
    }

    private static int rounds(Settings settings, boolean few) {
        return few ? Math.min(FEW_ROUNDS, settings.rounds()) : settings.rounds();
    }

    private static Contender peer(Settings settings, String model, int batch, PeerVariant v) {
        boolean checkpointed = v.style() == PeerVariant.Style.CHECKPOINT;
        List<String> command =
                ChildProcess.java(
                        LibtorchPeer.class.getName(),
                        model,
                        String.valueOf(batch),
                        String.valueOf(steps(settings, v.work())),
                        String.valueOf(settings.warmUpSeconds()),
                        String.valueOf(settings.threads()),
                        v.toString());
        return new Contender(
                model,
                batch,
                v.work(),
                v.precision(),
                checkpointed ? Kind.CHECKPOINTED : Kind.LIBTORCH,
                v.label(),
                rounds(settings, checkpointed || v.work() == Work.INFERENCE),
                command,
                v.allocator() == PeerVariant.Allocator.JEMALLOC);
    }

    private static Contender ours(
            Settings settings, String model, int batch, Work work, Precision precision, Kind kind) {
        List<String> command =
                new ArrayList<>(
                        ChildProcess.java(
                                "org.densenet4j.cli.Main",
                                "measure",
                                "--model",
                                model,
                                "--batch",
                                String.valueOf(batch),
                                "--steps",
                                String.valueOf(steps(settings, work)),
                                "--warm-up-seconds",
                                String.valueOf(settings.warmUpSeconds()),
                                "--threads",
                                String.valueOf(settings.threads()),
                                "--device",
                                "cpu"));
        if (work == Work.INFERENCE) {
            command.add("--inference");
            if (!FamilySpec.preset(model).build().graph().learnedGroups().isEmpty()) {
                command.add("--condensed");
            }
        } else {
            command.addAll(List.of("--strategy", kind.name()));
        }
        if (precision != Precision.FP32) {
            command.addAll(List.of("--precision", precision.name().toLowerCase(Locale.ROOT)));
        }
        command.addAll(HeldInstructions.arguments(settings.isa()));
        boolean few = kind != Kind.SHARED || work == Work.INFERENCE;
        return new Contender(
                model,
                batch,
                work,
                precision,
                kind,
                work == Work.INFERENCE ? "inference" : kind.name(),
                rounds(settings, few),
                command,
                false);
    }

    /** For a table: whose it is, and which. */
    String name() {
        return (kind.isOurs() ? "densenet4j " : "libtorch ") + label;
    }

    /** Whether both do the same work, so that their times can be compared. */
    boolean isComparableTo(Contender other) {
        return model.equals(other.model)
                && batch == other.batch
                && work == other.work
                && precision == other.precision;
    }
}
