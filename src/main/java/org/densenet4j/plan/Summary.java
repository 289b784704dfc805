package org.densenet4j.plan;

import org.densenet4j.backend.Device;
import org.densenet4j.spec.BlockShape;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.HeadShape;
import org.densenet4j.spec.LayerShape;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.ParameterSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.spec.StemShape;
import org.densenet4j.spec.TransitionShape;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * A table of the network, one line per stage: output shape, parameters, multiply-adds of one image,
 * receptive field in input pixels, and what the stage keeps for the backward pass under each
 * strategy.
 */
public final class Summary {
    private final NetworkShape shape;
    private final Map<MemoryStrategy, MemoryPlan> plans = new EnumMap<>(MemoryStrategy.class);
    private final List<String> lines = new ArrayList<>();

    /** Receptive field and distance between neighbours, both in input pixels. */
    private int field = 1;

    private int jump = 1;
    private long parameters;
    private long multiplyAdds;

    private Summary(DenseNetSpec spec, int batch, Device device) {
        shape = NetworkShape.of(spec);
        for (MemoryStrategy s : MemoryStrategy.values()) {
            plans.put(s, MemoryPlan.of(spec).strategy(s).batch(batch).on(device));
        }
        lines.add(spec + ", batch " + batch);
        lines.add(
                String.format(
                        Locale.ROOT,
                        "%-18s %15s %12s %15s %6s %12s %12s %12s",
                        "stage",
                        "output",
                        "parameters",
                        "multiply-adds",
                        "field",
                        "kept: NAIVE",
                        "SHARED",
                        "RECOMPUTE"));
        stem();
        for (BlockShape block : shape.blocks()) {
            block.layers().forEach(this::layer);
            if (block.index() <= shape.transitions().size()) {
                transition(shape.transitions().get(block.index() - 1));
            }
        }
        head();
        totals();
    }

    /** The table as text. */
    public static String of(DenseNetSpec spec, int batch, Device device) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(device, "device");
        return String.join("\n", new Summary(spec, batch, device).lines) + "\n";
    }

    private void stem() {
        StemShape s = shape.stem();
        convolve(s.kernel(), s.stride());
        if (shape.spec().stem() == Stem.IMAGENET) {
            convolve(3, 2);
        }
        long work =
                (long) s.convHeight()
                        * s.convWidth()
                        * s.channels()
                        * s.inputChannels()
                        * s.kernel()
                        * s.kernel();
        long count = parameters("features.conv0") + parameters("features.norm0");
        row("stem", s.outHeight(), s.outWidth(), s.channels(), count, work, "stem.");
    }

    private void layer(LayerShape l) {
        convolve(3, 1);
        String name = Schedule.layerName(l);
        row(
                name,
                l.height(),
                l.width(),
                l.prefixChannels() + l.growthRate(),
                parameters("features.denseblock" + l.block() + ".denselayer" + l.index() + "."),
                NetworkShape.multiplyAdds(l),
                name + ".");
    }

    private void transition(TransitionShape t) {
        convolve(2, 2);
        long work = (long) t.height() * t.width() * t.inputChannels() * t.outputChannels();
        String name = Schedule.transitionName(t.index());
        row(
                name,
                t.outHeight(),
                t.outWidth(),
                t.outputChannels(),
                parameters("features." + name + "."),
                work,
                name + ".");
    }

    private void head() {
        HeadShape h = shape.head();
        field += (Math.max(h.height(), h.width()) - 1) * jump;
        row(
                "head",
                1,
                1,
                h.classes(),
                parameters("features.norm5") + parameters("classifier"),
                (long) h.channels() * h.classes(),
                "head.");
    }

    private void convolve(int kernel, int stride) {
        field += (kernel - 1) * jump;
        jump *= stride;
    }

    private long parameters(String prefix) {
        return shape.parameters().stream()
                .filter(p -> p.name().startsWith(prefix))
                .mapToLong(ParameterSpec::count)
                .sum();
    }

    private void row(
            String name,
            int height,
            int width,
            int channels,
            long count,
            long work,
            String buffers) {
        parameters += count;
        multiplyAdds += work;
        StringBuilder line = new StringBuilder();
        line.append(
                String.format(
                        Locale.ROOT,
                        "%-18s %15s %,12d %,15d %6d",
                        name,
                        height + "x" + width + "x" + channels,
                        count,
                        work,
                        field));
        for (MemoryPlan plan : plans.values()) {
            line.append(
                    String.format(Locale.ROOT, " %12s", Bytes.format(kept(plan, name, buffers))));
        }
        lines.add(line.toString());
    }

    /** Bytes that outlive the stage's forward operation, and its new columns of the features. */
    private long kept(MemoryPlan plan, String stage, String prefix) {
        int forward =
                plan.operations().stream()
                        .filter(o -> o.phase() == Phase.FORWARD && o.name().equals(stage))
                        .findFirst()
                        .orElseThrow()
                        .index();
        long bytes =
                plan.buffers().stream()
                        .filter(b -> b.name().startsWith(prefix))
                        .filter(b -> b.first() == forward && b.last() > forward)
                        .mapToLong(Buffer::bytes)
                        .sum();
        return bytes + 4L * plan.batch() * newFeatures(stage);
    }

    private long newFeatures(String stage) {
        for (BlockShape block : shape.blocks()) {
            long pixels = (long) block.height() * block.width();
            String producer =
                    block.index() == 1 ? "stem" : Schedule.transitionName(block.index() - 1);
            if (producer.equals(stage)) {
                return pixels * block.inputChannels();
            }
            if (stage.startsWith("block" + block.index() + ".")) {
                return pixels * shape.spec().growthRate();
            }
        }
        return 0;
    }

    private void totals() {
        StringBuilder line = new StringBuilder();
        line.append(
                String.format(
                        Locale.ROOT,
                        "%-18s %15s %,12d %,15d %6s",
                        "all",
                        "",
                        parameters,
                        multiplyAdds,
                        ""));
        for (MemoryPlan plan : plans.values()) {
            line.append(String.format(Locale.ROOT, " %12s", Bytes.format(plan.peakBytes())));
        }
        lines.add(line + "  (peak of a training step)");
    }
}
