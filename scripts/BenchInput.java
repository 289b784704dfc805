import org.densenet4j.data.Augmentation;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.Normalisation;

import java.nio.file.Path;
import java.util.Locale;

/**
 * Images per second of the loader on a folder of class folders, for scripts/bench-input: whole epochs, decoded, cropped, resized
 * to SIDE and normalised, by so many threads. Arguments: FOLDER SIDE THREADS SECONDS train|test. Prints one number.
 */
final class BenchInput {
    private BenchInput() {}

    public static void main(String[] arguments) throws Exception {
        int side = Integer.parseInt(arguments[1]);
        int threads = Integer.parseInt(arguments[2]);
        double seconds = Double.parseDouble(arguments[3]);
        boolean train = arguments[4].equals("train");
        BatchLoader loader =
                BatchLoader.of(ImageFolder.at(Path.of(arguments[0])).size(side).open())
                        .batch(64)
                        .threads(threads)
                        .shuffle(1)
                        .normalise(Normalisation.IMAGENET)
                        .augment(train ? Augmentation.IMAGENET : Augmentation.NONE);
        run(loader, seconds / 2, 0); // the compiler's time
        System.out.printf(Locale.ROOT, "%.2f%n", run(loader, seconds, 1000));
    }

    /** Epochs until the time is over, which is looked at after each batch. */
    private static double run(BatchLoader loader, double seconds, int firstEpoch) {
        long start = System.nanoTime();
        long images = 0;
        float seen = 0;
        for (int epoch = firstEpoch; ; epoch++) {
            try (BatchLoader.Epoch batches = loader.epoch(epoch)) {
                for (var batch : batches) {
                    images += batch.size();
                    seen += batch.images()[0]; // what is made must be looked at
                    double passed = (System.nanoTime() - start) / 1e9;
                    if (passed >= seconds) {
                        if (Float.isNaN(seen)) {
                            throw new IllegalStateException("images that are no numbers");
                        }
                        return images / passed;
                    }
                }
            }
        }
    }
}
