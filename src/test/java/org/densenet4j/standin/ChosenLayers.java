package org.densenet4j.standin;

import org.densenet4j.backend.Device;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Run in a child on the stand-in: one rank of a job, how its dense layers run in bf16, and what
 * that gives, one line each.
 *
 * <p>Arguments: rank, number of ranks and the file that they meet in.
 */
final class ChosenLayers {
    private static final int IMAGES = 4;
    private static final int STEPS = 3;

    private ChosenLayers() {}

    public static void main(String[] arguments) throws IOException {
        int ranks = Integer.parseInt(arguments[1]);
        LoopbackRanks communicator =
                new LoopbackRanks(Integer.parseInt(arguments[0]), ranks, Path.of(arguments[2]));
        try (Device device = Device.open("cuda", LayerChoicesCases.options());
                Trainer trainer =
                        Trainer.of(LayerChoicesCases.SPEC, device)
                                .batch(IMAGES * ranks)
                                .communicator(communicator)
                                .optimizer(Sgd.nesterov(0.01))
                                .seed(5)
                                .open()) {
            System.out.println("chosen " + LayerChoicesCases.Chosen.of(trainer.plan(), device, 0));
            System.out.println("allocated " + trainer.network().allocatedBytes());
            System.out.println(
                    "losses " + TrainingRun.losses(trainer, LayerChoicesCases.SPEC, IMAGES, STEPS));
            System.out.println("recording " + trainer.network().recording());
            communicator.close();
        }
        System.out.flush();
        System.exit(0);
    }
}
