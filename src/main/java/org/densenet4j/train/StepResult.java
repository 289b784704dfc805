package org.densenet4j.train;

/**
 * What a training or evaluation step found.
 *
 * @param step number of training steps done, this one included
 * @param loss mean softmax cross-entropy
 * @param correct images whose highest logit is their label
 * @param images images of the step
 * @param gradientNorm Euclidean norm of all gradients before clipping; 0 in evaluation
 */
public record StepResult(long step, double loss, int correct, int images, double gradientNorm) {
    /** Share of correct images. */
    public double accuracy() {
        return (double) correct / images;
    }
}
