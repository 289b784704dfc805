package org.densenet4j.testing;

import org.densenet4j.data.LabelledImage;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.data.SegmentationDataset;
import org.densenet4j.data.SegmentationScores;

import java.util.Arrays;

/**
 * Softmax regression on what a pixel itself shows, its colour and its place: what a segmentation
 * comes to that looks at no neighbours. The measure for networks that claim to do better.
 */
public final class LinearPixelClassifier {
    /** Red, green, blue, row, column, 1. */
    private static final int FEATURES = 6;

    private final double[][] weights;

    private LinearPixelClassifier(int classes) {
        weights = new double[classes][FEATURES];
    }

    /**
     * Trains by stochastic gradient descent, pixel by pixel, in the order of the images.
     *
     * @param balanced whether a pixel's gradient is divided by its class's share of the pixels, so
     *     that rare classes are predicted at all
     */
    public static LinearPixelClassifier trained(
            SegmentationDataset data, int epochs, boolean balanced) {
        int classes = data.classes().count();
        double[] importance = new double[classes];
        Arrays.fill(importance, 1);
        if (balanced) {
            long[] pixels = pixels(data);
            double mean = (double) Arrays.stream(pixels).sum() / classes;
            Arrays.setAll(importance, c -> mean / Math.max(1, pixels[c]));
        }
        LinearPixelClassifier classifier = new LinearPixelClassifier(classes);
        for (int epoch = 0; epoch < epochs; epoch++) {
            double rate = 0.003 / (1 + epoch);
            for (int i = 0; i < data.size(); i++) {
                data.read(i, image -> classifier.train(image, rate, importance));
            }
        }
        return classifier;
    }

    private static long[] pixels(SegmentationDataset data) {
        long[] pixels = new long[data.classes().count()];
        for (int i = 0; i < data.size(); i++) {
            data.read(
                    i,
                    image -> {
                        for (byte label : image.labels()) {
                            if ((label & 0xFF) != LabelledImage.VOID) {
                                pixels[label & 0xFF]++;
                            }
                        }
                        return image;
                    });
        }
        return pixels;
    }

    private LabelledImage train(LabelledImage image, double rate, double[] importance) {
        double[] x = new double[FEATURES];
        // A stride that has no factor in common with the number of pixels visits each of them once.
        int pixels = image.labels().length;
        int stride = 1_000_003;
        for (long i = 0; i < pixels; i++) {
            int p = (int) (i * stride % pixels);
            int label = image.labels()[p] & 0xFF;
            if (label != LabelledImage.VOID) {
                features(image, p, x);
                double[] probabilities = probabilities(x);
                for (int c = 0; c < weights.length; c++) {
                    double gradient = probabilities[c] - (c == label ? 1 : 0);
                    for (int f = 0; f < FEATURES; f++) {
                        weights[c][f] -= rate * importance[label] * gradient * x[f];
                    }
                }
            }
        }
        return image;
    }

    private static void features(LabelledImage image, int pixel, double[] x) {
        int width = image.image().width();
        for (int c = 0; c < 3; c++) {
            x[c] = (image.image().pixels()[3 * pixel + c] & 0xFF) / 127.5 - 1;
        }
        int row = pixel / width;
        int column = pixel % width;
        x[3] = 2.0 * row / image.image().height() - 1;
        x[4] = 2.0 * column / width - 1;
        x[5] = 1;
    }

    private double[] probabilities(double[] x) {
        double[] p = new double[weights.length];
        double sum = 0;
        for (int c = 0; c < p.length; c++) {
            double z = 0;
            for (int f = 0; f < FEATURES; f++) {
                z += weights[c][f] * x[f];
            }
            p[c] = Math.exp(Math.clamp(z, -50, 50));
            sum += p[c];
        }
        for (int c = 0; c < p.length; c++) {
            p[c] /= sum;
        }
        return p;
    }

    /** Scores of all images of a set. */
    public SegmentationScores scores(SegmentationDataset data) {
        SegmentationScores scores = new SegmentationScores(weights.length);
        for (int i = 0; i < data.size(); i++) {
            data.read(
                    i,
                    image -> {
                        scores.add(labels(image), predictions(image));
                        return image;
                    });
        }
        return scores;
    }

    private static int[] labels(LabelledImage image) {
        int[] labels = new int[image.labels().length];
        Arrays.setAll(
                labels,
                p -> {
                    int label = image.labels()[p] & 0xFF;
                    return label == LabelledImage.VOID ? SegmentationBatch.VOID : label;
                });
        return labels;
    }

    private int[] predictions(LabelledImage image) {
        int[] predictions = new int[image.labels().length];
        double[] x = new double[FEATURES];
        for (int p = 0; p < predictions.length; p++) {
            features(image, p, x);
            double[] probabilities = probabilities(x);
            for (int c = 1; c < weights.length; c++) {
                if (probabilities[c] > probabilities[predictions[p]]) {
                    predictions[p] = c;
                }
            }
        }
        return predictions;
    }
}
