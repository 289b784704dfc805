package org.densenet4j.data;

import java.util.Arrays;
import java.util.Objects;

/**
 * Subtracts a mean and divides by a deviation, per channel, of pixel values scaled to 0..1.
 *
 * @param mean per channel
 * @param deviation per channel
 */
public record Normalisation(float[] mean, float[] deviation) {
    /** As many as a network can read. */
    private static final int MOST_CHANNELS = 1 << 20;

    /** The usual constants of CIFAR-10's training set. */
    public static final Normalisation CIFAR10 =
            new Normalisation(
                    new float[] {0.4914f, 0.4822f, 0.4465f},
                    new float[] {0.2470f, 0.2435f, 0.2616f});

    /** The usual constants of CIFAR-100's training set. */
    public static final Normalisation CIFAR100 =
            new Normalisation(
                    new float[] {0.5071f, 0.4865f, 0.4409f},
                    new float[] {0.2673f, 0.2564f, 0.2762f});

    /** The constants of torchvision's ImageNet models. */
    public static final Normalisation IMAGENET =
            new Normalisation(
                    new float[] {0.485f, 0.456f, 0.406f}, new float[] {0.229f, 0.224f, 0.225f});

    /** Keeps copies. */
    public Normalisation {
        Objects.requireNonNull(mean, "mean");
        Objects.requireNonNull(deviation, "deviation");
        mean = mean.clone();
        deviation = deviation.clone();
        if (mean.length != deviation.length) {
            throw new IllegalArgumentException("one mean and one deviation per channel are needed");
        }
        if (mean.length == 0) {
            throw new IllegalArgumentException("a normalisation needs 1 or more channels");
        }
        for (float m : mean) {
            if (!Float.isFinite(m)) {
                throw new IllegalArgumentException("mean = " + m + ": must be finite");
            }
        }
        for (float d : deviation) {
            if (!(d > 0) || Float.isInfinite(d)) {
                throw new IllegalArgumentException(
                        "deviation = " + d + ": must be positive and finite");
            }
        }
    }

    /**
     * Checks that it is for images of a data set.
     *
     * @param images their channels
     * @throws IllegalArgumentException when it is for others
     */
    void requireChannels(int images) {
        if (mean.length != images) {
            throw new IllegalArgumentException(
                    "the normalisation has "
                            + mean.length
                            + " channels, the images have "
                            + images);
        }
    }

    /**
     * Leaves values from 0 to 1 as they are: mean 0 and deviation 1.
     *
     * @param channels 1 or more
     * @return the normalisation
     */
    public static Normalisation none(int channels) {
        if (channels < 1 || channels > MOST_CHANNELS) {
            throw new IllegalArgumentException(
                    "channels = " + channels + ": use 1 to " + MOST_CHANNELS);
        }
        float[] ones = new float[channels];
        Arrays.fill(ones, 1);
        return new Normalisation(new float[channels], ones);
    }

    /**
     * {@return the same for images of another number of channels: of one channel the means of all
     * channels' numbers, of several these in turns} As weights of a first convolution are adapted
     * to such images.
     *
     * @param channels 1 or more
     */
    public Normalisation inChannels(int channels) {
        if (channels < 1 || channels > MOST_CHANNELS) {
            throw new IllegalArgumentException(
                    "channels = " + channels + ": use 1 to " + MOST_CHANNELS);
        }
        if (channels == mean.length) {
            return this;
        }
        float[] otherMean = new float[channels];
        float[] otherDeviation = new float[channels];
        for (int c = 0; c < channels; c++) {
            otherMean[c] = channels == 1 ? average(mean) : mean[c % mean.length];
            otherDeviation[c] = channels == 1 ? average(deviation) : deviation[c % mean.length];
        }
        return new Normalisation(otherMean, otherDeviation);
    }

    private static float average(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return (float) (sum / values.length);
    }

    /**
     * Computed over all images of a data set.
     *
     * @param data is read once, as a whole
     * @return mean and deviation of each channel
     */
    public static Normalisation of(Dataset data) {
        Objects.requireNonNull(data, "data");
        int channels = data.channels();
        double[] sum = new double[channels];
        double[] squares = new double[channels];
        byte[] pixels = new byte[data.height() * data.width() * channels];
        for (int i = 0; i < data.size(); i++) {
            data.read(i, pixels);
            for (int p = 0; p < pixels.length; p++) {
                double value = (pixels[p] & 0xFF) / 255.0;
                sum[p % channels] += value;
                squares[p % channels] += value * value;
            }
        }
        double count = (double) data.size() * data.height() * data.width();
        float[] mean = new float[channels];
        float[] deviation = new float[channels];
        for (int c = 0; c < channels; c++) {
            double m = sum[c] / count;
            mean[c] = (float) m;
            deviation[c] = (float) Math.sqrt(Math.max(1e-12, squares[c] / count - m * m));
        }
        return new Normalisation(mean, deviation);
    }

    /** The normalised value of a value from 0 to 1 of one channel. */
    float apply(float value, int channel) {
        return (value - mean[channel]) / deviation[channel];
    }

    /**
     * Normalises the pixels of an image of as many channels: HWC floats into {@code out} from
     * {@code at} on.
     *
     * @param image of as many channels
     * @param out receives floats [height, width, channels]
     * @param at where the first one is put
     */
    public void apply(Image image, float[] out, int at) {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(out, "out");
        int channels = image.channels();
        byte[] pixels = image.pixels();
        if (channels != mean.length || at < 0 || pixels.length > out.length - at) {
            throw new IllegalArgumentException(
                    pixels.length
                            + " values of "
                            + channels
                            + " channels do not go into an array of "
                            + out.length
                            + " from "
                            + at
                            + " on, with a normalisation of "
                            + mean.length
                            + " channels");
        }
        for (int i = 0; i < pixels.length; i++) {
            out[at + i] = apply((pixels[i] & 0xFF) / 255f, i % channels);
        }
    }

    /** {@return a copy: the mean of each channel, of pixel values from 0 to 1} */
    @Override
    public float[] mean() {
        return mean.clone();
    }

    /** {@return a copy: the deviation of each channel, of pixel values from 0 to 1} */
    @Override
    public float[] deviation() {
        return deviation.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Normalisation(float[] theirMean, float[] theirDeviation)
                && Arrays.equals(mean, theirMean)
                && Arrays.equals(deviation, theirDeviation);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(mean) + Arrays.hashCode(deviation);
    }

    @Override
    public String toString() {
        return "mean " + Arrays.toString(mean) + " and deviation " + Arrays.toString(deviation);
    }
}
