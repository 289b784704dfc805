package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Finding;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Which of its implementations a CPU device runs here. */
final class CpuFindings {
    private static final int CHANNELS = 64;
    private static final int MANY_CHANNELS = 512;
    private static final int SIDE = 28;

    private CpuFindings() {}

    /** What runs on a host, for activations in either storage. */
    static List<Finding> of(Host host) {
        List<Finding> findings = new ArrayList<>();
        findings.add(instructions(host));
        for (DataType type : DataType.values()) {
            findings.add(finding("1x1 in " + type, pointwise(host, type), true, ""));
            findings.add(finding("3x3 in " + type, convolution(host, 3, type), true, ""));
            findings.add(finding("others in " + type, convolution(host, 7, type), true, ""));
            findings.add(finding("products in " + type, products(host, type), true, ""));
        }
        findings.add(kernels(host));
        return findings;
    }

    private static Finding instructions(Host host) {
        if (host.target().isEmpty()) {
            return finding(
                    "machine code",
                    "none: it is written for Linux on x86-64 with AVX2",
                    false,
                    host.vectorApi() ? "" : "start the JVM with " + SlowdownNotice.VECTOR_FLAG);
        }
        Target target = host.target().get();
        return finding(
                "machine code",
                target.set().title() + (target.tiles() ? " and tiles (AMX)" : ""),
                true,
                "");
    }

    private static String withLarge(String some, String large) {
        return some.equals(large) ? some : some + "; large ones: " + large;
    }

    private static String pointwise(Host host, DataType type) {
        return withLarge(pointwise(host, type, CHANNELS), pointwise(host, type, MANY_CHANNELS));
    }

    private static String pointwise(Host host, DataType type, int channels) {
        PointwiseShape shape = new PointwiseShape(SIDE * SIDE, channels, channels, type);
        return host.target()
                .map(target -> PointwiseMethod.of(target, shape).title(target, type))
                .orElseGet(
                        () ->
                                "a pass, then oneDNN's product"
                                        + (host.multiplies(type) ? "" : " as float32"));
    }

    private static String products(Host host, DataType type) {
        return withLarge(product(host, type, CHANNELS), product(host, type, MANY_CHANNELS));
    }

    private static String product(Host host, DataType type, int channels) {
        Matrix x = Matrix.dense(0, SIDE * SIDE, channels, type);
        Matrix weight = Matrix.dense(0, channels, channels, type);
        GemmShape shape = GemmShape.of(x, false, weight, false, x, false);
        if (TiledProducts.has(host, shape)) {
            return PointwiseMethod.TILED;
        }
        if (TripletProducts.has(host, shape)) {
            return TripletProducts.TITLE;
        }
        if (CompiledProducts.has(host, shape)) {
            return CpuKernels.MACHINE_CODE;
        }
        return "oneDNN" + (host.multiplies(type) ? "" : " as float32");
    }

    private static String convolution(Host host, int kernel, DataType type) {
        ConvolutionShape shape =
                new ConvolutionShape(
                        1, SIDE, SIDE, CHANNELS, CHANNELS, kernel, 1, kernel / 2, type);
        return ConvolutionMethod.of(host, shape).title();
    }

    /** The kernels by what they run as. */
    private static Finding kernels(Host host) {
        Map<String, String> all = CpuKernels.implementations(host);
        String summary =
                all.values().stream()
                        .collect(Collectors.groupingBy(how -> how, Collectors.counting()))
                        .entrySet()
                        .stream()
                        .sorted(Map.Entry.comparingByKey())
                        .map(e -> e.getValue() + " " + e.getKey())
                        .collect(Collectors.joining(", "));
        return new Finding(
                "passes",
                true,
                summary,
                host.vectorApi()
                        ? ""
                        : "those in plain loops are faster with " + SlowdownNotice.VECTOR_FLAG,
                Map.copyOf(all));
    }

    private static Finding finding(String name, String summary, boolean works, String advice) {
        return new Finding(name, works, summary, advice, Map.of());
    }
}
