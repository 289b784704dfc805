package consumer;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.data.DataException;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

import javax.imageio.ImageIO;

/** Trains one step, predicts one image, and says what it met. */
public final class Consumer {
    private static final int SIZE = 32;
    private static final int IMAGES = 4;

    private Consumer() {}

    /** Prints a line for each thing that it did. */
    public static void main(String[] args) throws IOException {
        System.out.println("module " + Trainer.class.getModule());
        DenseNetSpec spec = DenseNetSpec.bc(10, 4).classes(3).build();
        Path weights = Files.createTempFile("consumer", ".safetensors");
        Files.delete(weights);
        try (Device device = Device.best();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(IMAGES)
                                .optimizer(Sgd.nesterov(0.1))
                                .seed(1)
                                .images(
                                        ImageMetadata.of(
                                                List.of("a", "b", "c"), Normalisation.CIFAR10))
                                .open()) {
            System.out.println("device " + device.description());
            float[] images = new float[IMAGES * SIZE * SIZE * 3];
            for (int i = 0; i < images.length; i++) {
                images[i] = (float) Math.sin(i);
            }
            Batch batch = new Batch(images, new int[] {0, 1, 2, 0}, SIZE, SIZE, 3);
            System.out.printf(Locale.ROOT, "loss %.4f%n", trainer.step(batch).loss());
            trainer.save(weights);
        }
        try (Predictor predictor = Predictor.open(weights)) {
            String best = predictor.classify(ImageFile.decode("image", png()), 1).getFirst().name();
            System.out.println("class " + best);
        }
        Files.delete(weights);
        System.out.println("jpeg " + ImageIO.getImageReadersByFormatName("jpeg").next());
        System.out.println("webp " + webp());
        for (var backend : Device.providers()) {
            System.out.println(backend.name() + " " + backend.problem().orElse("works"));
        }
    }

    private static byte[] png() throws IOException {
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_RGB), "png", png);
        return png.toByteArray();
    }

    /** What is said of a format whose decoder this project did not ask for. */
    private static String webp() throws IOException {
        byte[] file = {
            'R', 'I', 'F', 'F', 18, 0, 0, 0, 'W', 'E', 'B', 'P', 'V', 'P', '8', 'L', 6, 0, 0, 0,
            0x2F, 0, 0, 0, 0, 0
        };
        try {
            return ImageFile.decode("image.webp", file).toString();
        } catch (DataException e) {
            return e.getMessage();
        }
    }
}
