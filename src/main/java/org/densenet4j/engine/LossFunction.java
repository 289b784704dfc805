package org.densenet4j.engine;

import org.densenet4j.plan.TargetKind;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What a network is trained to make small: {@link #crossEntropy} where an image shows one class,
 * {@link #binaryCrossEntropy} where it may show several, {@link #meanSquaredError} and {@link
 * #huber} where outputs are numbers.
 *
 * <p>A loss is a mean over all targets that there are, whatever the micro-batches and processes;
 * where there are none it is 0 and has no gradient. Loss and gradient are computed by the device,
 * within the step.
 */
public sealed interface LossFunction
        permits LossFunction.CrossEntropy, LossFunction.BinaryCrossEntropy, LossFunction.OfNumbers {

    /** {@return softmax cross-entropy, without weights or smoothing} */
    static CrossEntropy crossEntropy() {
        return new CrossEntropy(0, 0, List.of());
    }

    /** {@return binary cross-entropy of every label, without weights or smoothing} */
    static BinaryCrossEntropy binaryCrossEntropy() {
        return new BinaryCrossEntropy(0, 0, -1, List.of(), false, List.of());
    }

    /** {@return the mean squared error} */
    static MeanSquaredError meanSquaredError() {
        return new MeanSquaredError();
    }

    /**
     * {@return Huber's loss}
     *
     * @param delta above 0, where the square becomes a line
     */
    static Huber huber(double delta) {
        return new Huber(delta);
    }

    /** {@return what images have to be labelled with} Vectors can also hold classes. */
    TargetKind targets();

    /** {@return whether outputs are labels or classes, and not numbers} */
    boolean isOfClasses();

    /**
     * {@return what a mean is taken over, to be added up over micro-batches and processes and given
     * to {@link #scale}}
     *
     * @param targets [images, outputs]
     * @param outputs of the network
     */
    double[] counts(float[] targets, int outputs);

    /**
     * {@return what each output's loss is multiplied by}
     *
     * @param counts of all targets of the step
     * @param outputs of the network
     * @throws IllegalArgumentException when there are weights, and not one for each output
     */
    default float[] scale(double[] counts, int outputs) {
        Objects.requireNonNull(counts, "counts");
        float[] scale = new float[outputs];
        Arrays.fill(scale, counts[0] == 0 ? 0 : (float) (1 / counts[0]));
        return scale;
    }

    /**
     * Refuses a network with another number of outputs than there are weights.
     *
     * @param outputs of the network
     * @throws IllegalArgumentException in one line
     */
    default void requireOutputs(int outputs) {}

    /**
     * Softmax cross-entropy: {@code −(1 − p)^focus·log p} of each class, by its share of the
     * target. The same as PyTorch's {@code CrossEntropyLoss} with {@code weight} and {@code
     * label_smoothing}: a mean weighted by the weights of the images' classes. (Of targets that are
     * shares of several classes these are added up by share; PyTorch divides by the number of
     * images there, which differs where there are weights.)
     *
     * @param smoothing share of the target spread evenly over all classes (Szegedy et al. 2016,
     *     section 7), from 0 to below 1
     * @param focus 0 for cross-entropy; else the γ of the focal loss (Lin et al. 2017, arXiv
     *     1708.02002, equation 4), mostly 2
     * @param classWeights above 0, one for each class; none for 1
     */
    record CrossEntropy(double smoothing, double focus, List<Double> classWeights)
            implements LossFunction {
        /**
         * Checks the numbers.
         *
         * @throws IllegalArgumentException in one line when one is out of its range
         */
        public CrossEntropy {
            requireSmoothing(smoothing);
            requireFocus(focus);
            classWeights = requireWeights("class weight", classWeights);
        }

        /**
         * {@return this loss with label smoothing}
         *
         * @param share from 0 to below 1
         */
        public CrossEntropy withSmoothing(double share) {
            return new CrossEntropy(share, focus, classWeights);
        }

        /**
         * {@return this loss as a focal loss}
         *
         * @param gamma 0 or more
         */
        public CrossEntropy withFocus(double gamma) {
            return new CrossEntropy(smoothing, gamma, classWeights);
        }

        /**
         * {@return this loss with a weight for each class}
         *
         * @param weights above 0
         */
        public CrossEntropy withClassWeights(List<Double> weights) {
            return new CrossEntropy(smoothing, focus, weights);
        }

        @Override
        public TargetKind targets() {
            return focus == 0 && classWeights.isEmpty() ? TargetKind.CLASS : TargetKind.VECTOR;
        }

        @Override
        public boolean isOfClasses() {
            return true;
        }

        @Override
        public double[] counts(float[] targets, int outputs) {
            Objects.requireNonNull(targets, "targets");
            double sum = 0;
            for (int i = 0; i < targets.length; i++) {
                sum += targets[i] * weight(classWeights, i % outputs);
            }
            return new double[] {sum};
        }

        @Override
        public float[] scale(double[] counts, int outputs) {
            Objects.requireNonNull(counts, "counts");
            requireOutputs(outputs);
            float[] scale = new float[outputs];
            for (int c = 0; c < outputs; c++) {
                scale[c] = counts[0] == 0 ? 0 : (float) (weight(classWeights, c) / counts[0]);
            }
            return scale;
        }

        @Override
        public void requireOutputs(int outputs) {
            requireCount("class weights", classWeights, outputs);
        }
    }

    /**
     * Cross-entropy of the sigmoid of each output, which is a label by itself; labels that are NaN
     * are left out. The same as PyTorch's {@code BCEWithLogitsLoss} with {@code pos_weight} where
     * none is, and with a focus as torchvision's {@code sigmoid_focal_loss}, meaned.
     *
     * @param smoothing targets become {@code (1 − smoothing)·t + smoothing/2}, from 0 to below 1
     * @param focus 0 for cross-entropy; else the γ of the focal loss (Lin et al. 2017, arXiv
     *     1708.02002, equation 5), mostly 2
     * @param alpha of the focal loss: the weight of target 1, of target 0 it is {@code 1 − alpha};
     *     negative for none
     * @param positiveWeights above 0, weight of target 1 for each label; none for 1
     * @param byLabel whether the loss is the sum over labels of each one's mean (as torchxrayvision
     *     trains), and not the mean over all targets
     * @param labelWeights above 0, factor of each label's mean, {@code byLabel} alone; none for 1
     */
    record BinaryCrossEntropy(
            double smoothing,
            double focus,
            double alpha,
            List<Double> positiveWeights,
            boolean byLabel,
            List<Double> labelWeights)
            implements LossFunction {
        /**
         * Checks the numbers.
         *
         * @throws IllegalArgumentException in one line when one is out of its range
         */
        public BinaryCrossEntropy {
            requireSmoothing(smoothing);
            requireFocus(focus);
            if (!(alpha <= 1)) {
                throw new IllegalArgumentException(
                        "alpha = "
                                + alpha
                                + ": use a number from 0 to 1, or a negative one for no"
                                + " weights");
            }
            positiveWeights = requireWeights("positive weight", positiveWeights);
            labelWeights = requireWeights("label weight", labelWeights);
            if (!byLabel && !labelWeights.isEmpty()) {
                throw new IllegalArgumentException(
                        "label weights are for a loss by label; use withMeanByLabel");
            }
        }

        /**
         * {@return this loss with label smoothing}
         *
         * @param share from 0 to below 1
         */
        public BinaryCrossEntropy withSmoothing(double share) {
            return new BinaryCrossEntropy(
                    share, focus, alpha, positiveWeights, byLabel, labelWeights);
        }

        /**
         * {@return this loss as a focal loss}
         *
         * @param gamma 0 or more
         * @param balance weight of target 1, or negative for none
         */
        public BinaryCrossEntropy withFocus(double gamma, double balance) {
            return new BinaryCrossEntropy(
                    smoothing, gamma, balance, positiveWeights, byLabel, labelWeights);
        }

        /**
         * {@return this loss with a weight of target 1 for each label}
         *
         * @param weights above 0
         */
        public BinaryCrossEntropy withPositiveWeights(List<Double> weights) {
            return new BinaryCrossEntropy(smoothing, focus, alpha, weights, byLabel, labelWeights);
        }

        /**
         * {@return this loss as a sum of each label's mean}
         *
         * @param weights above 0, one for each label, or none for 1
         */
        public BinaryCrossEntropy withMeanByLabel(List<Double> weights) {
            return new BinaryCrossEntropy(smoothing, focus, alpha, positiveWeights, true, weights);
        }

        @Override
        public TargetKind targets() {
            return TargetKind.VECTOR;
        }

        @Override
        public boolean isOfClasses() {
            return true;
        }

        @Override
        public double[] counts(float[] targets, int outputs) {
            Objects.requireNonNull(targets, "targets");
            if (!byLabel) {
                return present(targets);
            }
            double[] counts = new double[outputs];
            for (int i = 0; i < targets.length; i++) {
                counts[i % outputs] += Float.isNaN(targets[i]) ? 0 : 1;
            }
            return counts;
        }

        @Override
        public float[] scale(double[] counts, int outputs) {
            Objects.requireNonNull(counts, "counts");
            requireOutputs(outputs);
            if (!byLabel) {
                return LossFunction.super.scale(counts, outputs);
            }
            float[] scale = new float[outputs];
            for (int c = 0; c < outputs; c++) {
                scale[c] = counts[c] == 0 ? 0 : (float) (weight(labelWeights, c) / counts[c]);
            }
            return scale;
        }

        @Override
        public void requireOutputs(int outputs) {
            requireCount("positive weights", positiveWeights, outputs);
            requireCount("label weights", labelWeights, outputs);
        }
    }

    /** A loss of outputs that are numbers, a mean over the targets that there are. */
    sealed interface OfNumbers extends LossFunction permits MeanSquaredError, Huber {
        @Override
        default TargetKind targets() {
            return TargetKind.VECTOR;
        }

        @Override
        default boolean isOfClasses() {
            return false;
        }

        @Override
        default double[] counts(float[] targets, int outputs) {
            Objects.requireNonNull(targets, "targets");
            return present(targets);
        }
    }

    /** {@code (z − t)²}: PyTorch's {@code MSELoss}. */
    record MeanSquaredError() implements OfNumbers {}

    /**
     * {@code (z − t)²/2} up to a distance of δ and {@code δ·(|z − t| − δ/2)} beyond: PyTorch's
     * {@code HuberLoss} (Huber 1964).
     *
     * @param delta above 0
     */
    record Huber(double delta) implements OfNumbers {
        /**
         * Checks the number.
         *
         * @throws IllegalArgumentException in one line when it is not above 0
         */
        public Huber {
            if (!(delta > 0 && Float.isFinite((float) delta))) {
                throw new IllegalArgumentException(
                        "delta = " + delta + ": use a finite number above 0");
            }
        }
    }

    private static double[] present(float[] targets) {
        long count = 0;
        for (float target : targets) {
            count += Float.isNaN(target) ? 0 : 1;
        }
        return new double[] {count};
    }

    private static double weight(List<Double> weights, int output) {
        return weights.isEmpty() ? 1 : weights.get(output);
    }

    private static void requireSmoothing(double share) {
        if (!(share >= 0 && (float) share < 1)) {
            throw new IllegalArgumentException(
                    "label smoothing = " + share + ": use a number from 0 to below 1");
        }
    }

    private static void requireFocus(double gamma) {
        if (!(gamma >= 0 && Float.isFinite((float) gamma))) {
            throw new IllegalArgumentException(
                    "focus = " + gamma + ": use 0 for none, or a positive number, mostly 2");
        }
    }

    private static List<Double> requireWeights(String what, List<Double> weights) {
        Objects.requireNonNull(weights, "weights");
        for (int c = 0; c < weights.size(); c++) {
            if (!(weights.get(c) > 0 && Float.isFinite(weights.get(c).floatValue()))) {
                throw new IllegalArgumentException(
                        what + " " + c + " is " + weights.get(c) + ": use a number above 0");
            }
        }
        return List.copyOf(weights);
    }

    private static void requireCount(String what, List<Double> weights, int outputs) {
        if (!weights.isEmpty() && weights.size() != outputs) {
            throw new IllegalArgumentException(
                    weights.size()
                            + " "
                            + what
                            + " are given, the network has "
                            + outputs
                            + " outputs");
        }
    }
}
