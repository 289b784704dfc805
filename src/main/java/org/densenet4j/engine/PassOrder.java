package org.densenet4j.engine;

import org.jspecify.annotations.Nullable;

import java.util.HashSet;
import java.util.Set;

/**
 * What the memory of a network holds of the last passes. A call out of order is refused: it would
 * compute from what an earlier step, or nobody, has left there.
 */
final class PassOrder {
    private int inputs;
    private @Nullable Pass forward;
    private boolean logitsGradient;
    private final Set<String> gradientsOfHeads = new HashSet<>();

    /** What the backward pass would read and is no more what the forward pass has read, or null. */
    private @Nullable String changed;

    private int logits;
    private @Nullable Pass outcome;
    private boolean norm;
    private boolean gradients;
    private int inputGradients;

    /** Images were copied in. The backward pass reads them, too, so that of before is lost. */
    void input(int images) {
        inputs = images;
        forgetForward();
    }

    private void forgetForward() {
        forward = null;
        logitsGradient = false;
        gradientsOfHeads.clear();
        changed = null;
    }

    /** A pass begins to write over what the last one has left, and may fail in its middle. */
    void begin() {
        forgetForward();
    }

    /**
     * A parameter was written. The backward pass makes again some of what the forward pass made,
     * and would make it otherwise, how much of it being the strategy's.
     *
     * @param what such as "the parameter classifier.bias was set"
     */
    void parametersChanged(String what) {
        if (forward != null && changed == null) {
            changed = what;
        }
    }

    /** A running statistic was written: constants of passes that do not take the batch's own. */
    void statisticsChanged(String what) {
        if (forward != null && !forward.usesBatchStatistics()) {
            parametersChanged(what);
        }
    }

    /** Before a forward pass. */
    void requireInput(Pass pass) {
        if (pass.images() != inputs) {
            throw new IllegalStateException(
                    inputs == 0
                            ? "there are no images yet; copy a batch in with input() before the pass"
                            : "the pass has "
                                    + pass.images()
                                    + " images, input() was given "
                                    + inputs);
        }
    }

    /** A forward pass ran: its features and logits are there. */
    void forward(Pass pass) {
        forgetForward();
        forward = pass;
        logits = pass.images();
        if (pass.equals(outcome)) {
            outcome = null; // of the same pass over other images
        }
    }

    /** Before what continues a forward pass. */
    void requireForward(Pass pass) {
        if (forward == null) {
            throw new IllegalStateException(
                    "there is no forward pass to go on from; call forward() after input(), and again"
                            + " after each backward()");
        }
        if (!forward.equals(pass)) {
            throw new IllegalStateException(
                    "the forward pass was " + forward + ", this one is " + pass);
        }
    }

    /** Before the gradient of some images' logits is set. */
    void requireForward(int images) {
        if (forward == null || forward.images() != images) {
            throw new IllegalStateException(
                    forward == null
                            ? "there is no forward pass whose logits could have a gradient"
                            : "the forward pass has "
                                    + forward.images()
                                    + " images, the gradient "
                                    + images);
        }
    }

    /** The gradient of a head's logits is there. */
    void logitsGradient(String head, int heads) {
        gradientsOfHeads.add(head);
        logitsGradient = gradientsOfHeads.size() == heads;
    }

    /** The loss of a pass is there, and with it the gradient of the logits. */
    void loss(Pass pass) {
        outcome = pass;
        norm = false;
        logitsGradient = true;
    }

    /** Before a backward pass. */
    void requireGradient(Pass pass) {
        requireForward(pass);
        if (changed != null) {
            throw new IllegalStateException(
                    changed
                            + " between the forward pass and its backward pass, which computes from"
                            + " what both find; call forward() again, or change it after backward()");
        }
        if (!logitsGradient) {
            throw new IllegalStateException(
                    "the logits have no gradient yet; call loss() or logitsGradient() before"
                            + " backward()");
        }
    }

    /** A backward pass ran; it used up the features and added to the gradients. */
    void backward(Pass pass) {
        inputGradients = pass.images();
        gradients = true;
        forgetForward();
    }

    /** Before the logits of some images are read. */
    void requireLogits(int images) {
        requireOf("logits", images, logits);
    }

    /** The logits gave their memory away. */
    void logitsGone() {
        logits = 0;
    }

    /** Gradients were set by hand. */
    void gradientsSet() {
        gradients = true;
    }

    /** Gradients were zeroed, or have moved the parameters. */
    void gradientsSpent() {
        gradients = false;
    }

    /** Whether there are gradients that have not moved the parameters yet. */
    boolean hasGradients() {
        return gradients;
    }

    /** The norm of the gradients of a pass lies beside its losses. */
    void norm() {
        norm = true;
    }

    /** Norms were taken of something else. */
    void otherNorms() {
        norm = false;
    }

    /** Before losses and hits of a pass are read. */
    void requireOutcome(Pass pass) {
        if (!pass.equals(outcome)) {
            throw new IllegalStateException(
                    outcome == null
                            ? "there are no losses yet; call loss(), trainingPass() or"
                                    + " evaluationPass() before outcome()"
                            : "the last losses are of " + outcome + ", not of " + pass);
        }
    }

    /** Whether the norm that lies beside the losses is that of their pass. */
    boolean hasNorm() {
        return norm;
    }

    /** Before the gradient of some images is read. */
    void requireInputGradient(int images) {
        requireOf("gradients of the input", images, inputGradients);
    }

    private static void requireOf(String what, int wanted, int there) {
        if (wanted < 1) {
            throw new IllegalArgumentException(what + " of " + wanted + " images: use 1 or more");
        }
        if (wanted > there) {
            throw new IllegalStateException(
                    there == 0
                            ? "there are no " + what + " yet"
                            : "there are " + what + " of " + there + " images, not of " + wanted);
        }
    }
}
