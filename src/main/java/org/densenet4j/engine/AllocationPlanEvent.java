package org.densenet4j.engine;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryPlan;

import java.util.Map;

/** The arena of a network when it is allocated, for Java Flight Recorder. */
@Name("org.densenet4j.AllocationPlan")
@Label("Allocation Plan")
@Description("The memory of a network's training steps, with its categories at the peak")
@Category("densenet4j")
@StackTrace(false)
final class AllocationPlanEvent extends Event {
    @Label("Network")
    String network;

    @Label("Device")
    String device;

    @Label("Strategy")
    String strategy;

    @Label("Batch")
    int batch;

    @Label("Peak")
    @DataAmount(DataAmount.BYTES)
    long peakBytes;

    @Label("Operation at the Peak")
    String peakOperation;

    @Label("Weights")
    @DataAmount(DataAmount.BYTES)
    long weights;

    @Label("Parameter Gradients")
    @DataAmount(DataAmount.BYTES)
    long parameterGradients;

    @Label("Optimiser")
    @DataAmount(DataAmount.BYTES)
    long optimiser;

    @Label("Features")
    @DataAmount(DataAmount.BYTES)
    long features;

    @Label("Bottlenecks")
    @DataAmount(DataAmount.BYTES)
    long bottlenecks;

    @Label("Copies")
    @DataAmount(DataAmount.BYTES)
    long copies;

    @Label("Gradients")
    @DataAmount(DataAmount.BYTES)
    long gradients;

    @Label("Workspace")
    @DataAmount(DataAmount.BYTES)
    long workspace;

    @Label("Scratch")
    @DataAmount(DataAmount.BYTES)
    long scratch;

    static void commit(MemoryPlan plan, Device device) {
        AllocationPlanEvent event = new AllocationPlanEvent();
        if (!event.shouldCommit()) {
            return;
        }
        event.network = plan.spec().toString();
        event.device = device.description();
        event.strategy = plan.strategy().name();
        event.batch = plan.batch();
        event.peakBytes = plan.peakBytes();
        event.peakOperation = plan.peakOperation().phase() + " " + plan.peakOperation().name();
        Map<org.densenet4j.plan.Category, Long> atPeak = plan.bytesAtPeak();
        event.weights = atPeak.get(org.densenet4j.plan.Category.WEIGHTS);
        event.parameterGradients = atPeak.get(org.densenet4j.plan.Category.PARAMETER_GRADIENTS);
        event.optimiser = atPeak.get(org.densenet4j.plan.Category.OPTIMISER);
        event.features = atPeak.get(org.densenet4j.plan.Category.FEATURES);
        event.bottlenecks = atPeak.get(org.densenet4j.plan.Category.BOTTLENECKS);
        event.copies = atPeak.get(org.densenet4j.plan.Category.COPIES);
        event.gradients = atPeak.get(org.densenet4j.plan.Category.GRADIENTS);
        event.workspace = atPeak.get(org.densenet4j.plan.Category.WORKSPACE);
        event.scratch = atPeak.get(org.densenet4j.plan.Category.SCRATCH);
        event.commit();
    }
}
