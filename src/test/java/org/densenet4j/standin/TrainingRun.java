package org.densenet4j.standin;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Run in a child on the stand-in: a few steps, and how they were computed, one line each.
 *
 * <p>Arguments: device, network, side of its images or 0 for its own, images of a batch, steps,
 * {@code tf32} or {@code fp32}.
 */
final class TrainingRun {
    private TrainingRun() {}

    public static void main(String[] arguments) {
        DenseNetSpec spec = spec(arguments[1], Integer.parseInt(arguments[2]));
        int images = Integer.parseInt(arguments[3]);
        int steps = Integer.parseInt(arguments[4]);
        DeviceOptions options =
                DeviceOptions.defaults()
                        .withDeterministic(true)
                        .withTensorFloat32(arguments[5].equals("tf32"));
        try (Device device = Device.open(arguments[0], options);
                Trainer trainer = open(spec, device, images)) {
            System.out.println("description " + device.description());
            System.out.println("losses " + losses(trainer, spec, images, steps));
            System.out.println("recording " + trainer.network().recording());
            device.facts().forEach((name, value) -> System.out.println(name + " " + value));
        } catch (DeviceException e) {
            System.out.println("problem " + e.getMessage());
        }
    }

    static DenseNetSpec spec(String network, int side) {
        DenseNetSpec.Builder spec = DenseNetSpec.preset(network);
        return (side == 0 ? spec : spec.inputSize(side)).build();
    }

    static Trainer open(DenseNetSpec spec, Device device, int images) {
        return Trainer.of(spec, device).batch(images).optimizer(Sgd.nesterov(0.01)).seed(5).open();
    }

    static List<Double> losses(Trainer trainer, DenseNetSpec spec, int images, int steps) {
        SplittableRandom random = new SplittableRandom(6);
        int side = spec.inputHeight();
        float[] pixels = new float[images * side * side * spec.inputChannels()];
        int[] labels = new int[images];
        Batch batch = new Batch(pixels, labels, side, side, spec.inputChannels());
        List<Double> losses = new ArrayList<>();
        for (int step = 0; step < steps; step++) {
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = random.nextFloat() - 0.5f;
            }
            Arrays.setAll(labels, i -> random.nextInt(spec.classes()));
            losses.add(trainer.step(batch).loss());
        }
        return losses;
    }
}
