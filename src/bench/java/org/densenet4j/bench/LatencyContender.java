package org.densenet4j.bench;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.FamilySpec;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One way of answering calls on one model.
 *
 * @param model a preset's name
 * @param batch images of a call
 * @param precision in which
 * @param engine whom it competes as
 * @param variant what tells it from others of its engine: that of {@link PeerVariant}, {@link
 *     #SPINNING} or {@link #WAITING}, or nothing
 */
record LatencyContender(
        String model, int batch, Precision precision, Engine engine, String variant) {
    /** ONNX Runtime's threads wait for work busily, its default. */
    static final String SPINNING = "spinning";

    /** ONNX Runtime's threads sleep until there is work. */
    static final String WAITING = "waiting";

    /** Whom a variant competes as: of each the fastest counts. */
    enum Engine {
        /** Ours. */
        DENSENET4J("densenet4j"),
        /** ONNX Runtime, which computes on CPUs of this kind in fp32 alone. */
        ONNX_RUNTIME("ONNX Runtime"),
        /** libtorch. */
        LIBTORCH("libtorch");

        private final String label;

        Engine(String label) {
            this.label = label;
        }

        /** For a table. */
        String label() {
            return label;
        }
    }

    /** All contenders of a model and batch: ours first, and beside its peers in each precision. */
    static List<LatencyContender> all(
            LatencySettings settings,
            String model,
            int batch,
            boolean withOnnxRuntime,
            boolean hasJemalloc) {
        List<LatencyContender> all = new ArrayList<>();
        for (Precision p : settings.precisions()) {
            all.add(new LatencyContender(model, batch, p, Engine.DENSENET4J, ""));
            if (settings.oursOnly()) {
                continue;
            }
            if (p == Precision.FP32 && withOnnxRuntime) {
                all.add(new LatencyContender(model, batch, p, Engine.ONNX_RUNTIME, SPINNING));
                all.add(new LatencyContender(model, batch, p, Engine.ONNX_RUNTIME, WAITING));
            }
            for (PeerVariant v : variants(model, p, hasJemalloc)) {
                all.add(new LatencyContender(model, batch, p, Engine.LIBTORCH, v.toString()));
            }
        }
        return all;
    }

    /** What is prepared for inference: what is not never was the fastest. */
    private static List<PeerVariant> variants(
            String model, Precision precision, boolean hasJemalloc) {
        NetworkSpec spec = FamilySpec.preset(model).build();
        List<PeerVariant> all = new ArrayList<>();
        for (PeerVariant v : PeerVariant.all(spec, Work.INFERENCE, precision, hasJemalloc)) {
            if (v.style() == PeerVariant.Style.NAIVE) {
                continue;
            }
            all.add(v);
            if (hasJemalloc
                    && v.style() == PeerVariant.Style.FOLDED
                    && v.layout() == PeerVariant.Layout.NHWC) {
                all.add(
                        new PeerVariant(
                                v.work(),
                                precision,
                                v.layout(),
                                v.style(),
                                PeerVariant.Allocator.MALLOC));
            }
        }
        return all;
    }

    boolean isOurs() {
        return engine == Engine.DENSENET4J;
    }

    boolean wantsJemalloc() {
        return engine == Engine.LIBTORCH
                && PeerVariant.parse(variant).allocator() == PeerVariant.Allocator.JEMALLOC;
    }

    /** For a table, beside the engine. */
    String label() {
        return engine == Engine.LIBTORCH ? PeerVariant.parse(variant).label() : variant;
    }

    String precisionLabel() {
        return precision.name().toLowerCase(Locale.ROOT);
    }

    /** For a person who waits. */
    String name() {
        String label = label();
        return String.format(
                Locale.ROOT,
                "%s:%d %s, %s%s",
                model,
                batch,
                precisionLabel(),
                engine.label(),
                label.isEmpty() ? "" : " " + label);
    }

    /** Whether both answer the same calls. */
    boolean isOfSamePoint(LatencyContender other) {
        return model.equals(other.model) && batch == other.batch;
    }
}
