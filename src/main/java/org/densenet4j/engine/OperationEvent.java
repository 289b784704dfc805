package org.densenet4j.engine;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;

/** An operation of a step, for Java Flight Recorder. Costs nothing where none is recording. */
@Name("org.densenet4j.Operation")
@Label("Operation")
@Description("An operation of a training step: a layer, a transition, the loss, the optimiser")
@Category("densenet4j")
@StackTrace(false)
final class OperationEvent extends Event {
    @Label("Index")
    int index;

    @Label("Phase")
    String phase;

    @Label("Operation")
    String operation;

    @Label("Live Bytes")
    @Description("Bytes of the arena that are in use during the operation")
    @DataAmount(DataAmount.BYTES)
    long liveBytes;

    static OperationEvent start() {
        OperationEvent event = new OperationEvent();
        event.begin();
        return event;
    }

    void end(MemoryPlan plan, int operationIndex) {
        if (shouldCommit()) {
            Operation o = plan.operations().get(operationIndex);
            index = operationIndex;
            phase = o.phase().name();
            operation = o.name();
            liveBytes = plan.liveBytes(operationIndex);
            commit();
        }
    }
}
