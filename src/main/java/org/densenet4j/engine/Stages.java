package org.densenet4j.engine;

import org.densenet4j.plan.AdditionMemory;
import org.densenet4j.plan.BandedConvolutionLayerMemory;
import org.densenet4j.plan.BandedTransitionUpMemory;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.ClassifierMemory;
import org.densenet4j.plan.ConvolutionLayerMemory;
import org.densenet4j.plan.DepthwiseLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.NaiveBottleneckLayerMemory;
import org.densenet4j.plan.NaiveConvolutionLayerMemory;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.NodeMemory;
import org.densenet4j.plan.PatchConvolutionMemory;
import org.densenet4j.plan.PixelClassifierMemory;
import org.densenet4j.plan.PixelLogitsMemory;
import org.densenet4j.plan.PooledConvolutionMemory;
import org.densenet4j.plan.PoolingMemory;
import org.densenet4j.plan.TransitionDownMemory;
import org.densenet4j.plan.TransitionMemory;
import org.densenet4j.plan.TransitionUpMemory;

import java.util.List;
import java.util.function.IntConsumer;

/** The operations of a step in the order of the plan's schedule, and who is told of them. */
final class Stages {
    private final MemoryPlan plan;
    private final Compute compute;
    private final List<Stage> stages;
    private final List<Loss> losses;
    private OperationListener listener = OperationListener.NONE;
    private OperationEvent event;

    Stages(MemoryPlan plan, Compute compute) {
        this.plan = plan;
        this.compute = compute;
        this.stages = plan.memory().nodes().stream().map(this::stage).toList();
        this.losses =
                plan.memory().losses().values().stream().map(m -> Loss.of(compute, m)).toList();
    }

    /** The kinds of nodes, and what trains each. */
    private Stage stage(NodeMemory node) {
        return switch (node) {
            case ConvolutionLayerMemory m -> new ConvolutionStage(compute, m);
            case NaiveConvolutionLayerMemory m -> new NaiveConvolutionStage(compute, m);
            case BandedConvolutionLayerMemory m -> new BandedConvolutionStage(compute, m);
            case BottleneckLayerMemory m -> new BottleneckStage(compute, m);
            case NaiveBottleneckLayerMemory m -> new NaiveBottleneckStage(compute, m);
            case PooledConvolutionMemory m -> PooledConvolutionStage.of(compute, m);
            case TransitionMemory m -> new TransitionStage(compute, m);
            case ClassifierMemory m -> new ClassifierStage(compute, m);
            case PixelClassifierMemory m -> new PixelClassifierStage(compute, m);
            case PixelLogitsMemory m -> new PixelLogitsStage(compute, m);
            case DepthwiseLayerMemory m -> new DepthwiseStage(compute, m);
            case PatchConvolutionMemory m -> new PatchConvolutionStage(compute, m);
            case PoolingMemory m -> new PoolingStage(compute, m);
            case AdditionMemory m -> new AdditionStage(compute, m);
            case TransitionDownMemory m -> new TransitionDownStage(compute, m);
            case TransitionUpMemory m -> new TransitionUpStage(compute, m);
            case BandedTransitionUpMemory m -> new BandedTransitionUpStage(compute, m);
        };
    }

    void listen(OperationListener operationListener) {
        listener = operationListener;
    }

    /** Whether somebody wants to hear of every operation, of which a recording has none. */
    boolean hasListener() {
        return listener != OperationListener.NONE;
    }

    List<Stage> inForwardOrder() {
        return stages;
    }

    /** The losses of all heads, whose sum is the network's. */
    List<Loss> losses() {
        return losses;
    }

    private void run(int operation, Runnable work) {
        listener.before(operation);
        event = OperationEvent.start();
        work.run();
        event.end(plan, operation);
        listener.after(operation);
    }

    void forward(Pass pass) {
        roundParameters();
        int operation = 0;
        for (Stage stage : stages) {
            run(operation++, () -> stage.forward(pass));
        }
    }

    /** The master weights stay float32; products with activations want the activations' type. */
    private void roundParameters() {
        NetworkMemory memory = plan.memory();
        if (memory.operands() == memory.parameters()) {
            return;
        }
        compute.forEachSlice(
                memory.parameters().columns(),
                (from, count) ->
                        compute.kernels()
                                .copy(
                                        memory.parameters().columns(from, count),
                                        memory.operands().columns(from, count)));
    }

    void loss(Pass pass, Targets targets) {
        run(plan.schedule().loss(), () -> losses.forEach(loss -> loss.run(pass, targets)));
    }

    void backward(Pass pass) {
        backward(pass, operation -> {});
    }

    /**
     * The same for somebody who has to do something between operations.
     *
     * @param queued is given the number of each operation once it is queued
     */
    void backward(Pass pass, IntConsumer queued) {
        int operation = plan.schedule().loss() + 1;
        int frozen = compute.frozen().leadingNodes();
        for (int i = stages.size() - 1; i >= 0; i--) {
            Stage stage = stages.get(i);
            if (i >= frozen) {
                run(operation, () -> stage.backward(pass));
            }
            queued.accept(operation++);
        }
    }

    void update(ParameterUpdate update, OptimiserStep step) {
        run(plan.schedule().last(), () -> update.run(step));
    }
}
