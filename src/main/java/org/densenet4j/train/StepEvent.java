package org.densenet4j.train;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

import org.jspecify.annotations.Nullable;

/** A training step, for Java Flight Recorder. Costs nothing where none is recording. */
@Name("org.densenet4j.Step")
@Label("Training Step")
@Description("Forward pass, backward pass and update of one batch")
@Category("densenet4j")
@StackTrace(false)
final class StepEvent extends Event {
    @Label("Step")
    long step;

    @Label("Images")
    int images;

    @Label("Loss")
    double loss;

    @Label("Gradient Norm")
    double gradientNorm;

    @Label("Failure")
    @Nullable String failure;

    static StepEvent start() {
        StepEvent event = new StepEvent();
        event.begin();
        return event;
    }

    void end(StepResult result) {
        if (shouldCommit()) {
            step = result.step();
            images = result.images();
            loss = result.loss();
            gradientNorm = result.gradientNorm();
            commit();
        }
    }

    void fail(long number, RuntimeException cause) {
        if (shouldCommit()) {
            step = number;
            loss = Double.NaN;
            gradientNorm = Double.NaN;
            failure = cause.getMessage();
            commit();
        }
    }
}
