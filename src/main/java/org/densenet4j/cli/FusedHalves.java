package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.NodeMemory;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * How many dense layers of a plan run by a device's fused kernels, and why others do not.
 *
 * @param layers dense layers with a bottleneck
 * @param appended of how many the 3x3 half keeps everything between Z and the block on the chip
 * @param pointwise of how many the 1x1 half makes Z in one pass
 * @param hindrances of those that are not fused, as words
 */
record FusedHalves(int layers, int appended, int pointwise, Set<String> hindrances) {

    static FusedHalves of(MemoryPlan plan, Device device) {
        int layers = 0;
        int appended = 0;
        int pointwise = 0;
        Set<String> hindrances = new TreeSet<>();
        for (NodeMemory node : plan.memory().nodes()) {
            if (node instanceof BottleneckLayerMemory layer) {
                layers++;
                if (layer.convolution() instanceof BottleneckConvolutionMemory.Appended) {
                    appended++;
                } else {
                    hindrances.add(hindrance(layer, device));
                }
                if (device.takesWholeBatch(layer.pointwise())) {
                    pointwise++;
                } else {
                    hindrances.add(device.hindrance(layer.pointwise()).orElse("none-there"));
                }
            }
        }
        if (plan.strategy() == MemoryStrategy.NAIVE) {
            hindrances.add("naive");
        }
        return new FusedHalves(layers, appended, pointwise, hindrances);
    }

    /** What the plan itself keeps from being fused, or the device. */
    private static String hindrance(BottleneckLayerMemory layer, Device device) {
        if (layer.node().target().from() % 2 != 0) {
            return "odd-columns";
        }
        return device.hindrance(layer.convolution().shape()).orElse("slower");
    }

    /** For the line of {@code measure}, where a device says that it fuses layers. */
    Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        if (layers > 0) {
            facts.put("fusedLayers", appended + "/" + layers);
            facts.put("fusedPointwise", pointwise + "/" + layers);
        }
        if (!hindrances.isEmpty()) {
            facts.put("unfused", String.join("+", hindrances));
        }
        return facts;
    }
}
