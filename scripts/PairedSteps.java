import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Training steps of two versions of the library in one process, which take turns step by step: {@code OLD NEW MODEL BATCH
 * PRECISION STEPS}, where OLD and NEW are folders with {@code densenet4j.jar} and {@code lib}. What the machine does
 * meanwhile meets both alike, so that a percent can be told apart where whole processes differ by ten. Each version has its
 * own classes, and the virtual machine compiles each for itself. Prints the median time of a step of either and the median
 * ratio of neighbours. For scripts/bench-against --paired.
 */
final class PairedSteps {
    private static final int WARM_UP = 8;

    /** One version. */
    private record Version(AutoCloseable device, AutoCloseable trainer, Method step, Object batch) {

        static Version open(Path program, String model, int images, String precision) throws Exception {
            List<URL> urls = new ArrayList<>(List.of(program.resolve("densenet4j.jar").toUri().toURL()));
            try (Stream<Path> libraries = Files.list(program.resolve("lib"))) {
                for (Path library : libraries.sorted().toList()) {
                    urls.add(library.toUri().toURL());
                }
            }
            ClassLoader classes = new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
            Thread.currentThread().setContextClassLoader(classes); // which devices are looked up by
            Class<?> spec = classes.loadClass("org.densenet4j.spec.FamilySpec");
            Class<?> network = classes.loadClass("org.densenet4j.graph.NetworkSpec");
            Class<?> device = classes.loadClass("org.densenet4j.backend.Device");
            Class<?> options = classes.loadClass("org.densenet4j.backend.DeviceOptions");
            Class<?> type = classes.loadClass("org.densenet4j.backend.DataType");
            Class<?> trainer = classes.loadClass("org.densenet4j.train.Trainer");
            Class<?> batch = classes.loadClass("org.densenet4j.data.Batch");
            Object builder = spec.getMethod("preset", String.class).invoke(null, model);
            Object of = builder.getClass().getMethod("build").invoke(builder);
            Object d = device.getMethod("open", String.class, options)
                    .invoke(null, "cpu", options.getMethod("defaults").invoke(null));
            Object b = trainer.getMethod("of", network, device).invoke(null, of, d);
            b.getClass().getMethod("batch", int.class).invoke(b, images);
            b.getClass().getMethod("precision", type)
                    .invoke(b, type.getField(precision.equals("bf16") ? "BFLOAT16" : "FLOAT32").get(null));
            int height = (int) network.getMethod("inputHeight").invoke(of);
            int width = (int) network.getMethod("inputWidth").invoke(of);
            int channels = (int) network.getMethod("inputChannels").invoke(of);
            int classCount = Math.min(10, (int) network.getMethod("classes").invoke(of));
            Random random = new Random(1);
            float[] pixels = new float[images * height * width * channels];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (float) random.nextGaussian();
            }
            int[] labels = random.ints(images, 0, classCount).toArray();
            Object data = batch.getConstructor(float[].class, int[].class, int.class, int.class, int.class)
                    .newInstance(pixels, labels, height, width, channels);
            Object opened = b.getClass().getMethod("open").invoke(b);
            return new Version((AutoCloseable) d, (AutoCloseable) opened, trainer.getMethod("step", batch), data);
        }

        double seconds() throws Exception {
            long start = System.nanoTime();
            step.invoke(trainer, batch);
            return (System.nanoTime() - start) / 1e9;
        }
    }

    /** The value below which this share of them lies. */
    private static double share(double[] values, double share) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(int) (share * (sorted.length - 1))];
    }

    public static void main(String[] args) throws Exception {
        int images = Integer.parseInt(args[3]);
        int steps = Integer.parseInt(args[5]);
        Version[] versions = new Version[2];
        for (int v = 0; v < 2; v++) {
            versions[v] = Version.open(Path.of(args[v]), args[2], images, args[4]);
        }
        double[][] seconds = new double[2][steps];
        double[] ratios = new double[steps];
        for (int s = -WARM_UP; s < steps; s++) {
            for (int turn = 0; turn < 2; turn++) {
                int v = (s & 1) == 0 ? turn : 1 - turn;
                double took = versions[v].seconds();
                if (s >= 0) {
                    seconds[v][s] = took;
                }
            }
            if (s >= 0) {
                ratios[s] = seconds[0][s] / seconds[1][s];
            }
        }
        // A quarter of the steps was the least disturbed.
        System.out.printf(Locale.ROOT, "old=%.2f new=%.2f ratio=%.4f ofFastQuarter=%.4f%n", images / share(seconds[0], 0.5),
                images / share(seconds[1], 0.5), share(ratios, 0.5), share(seconds[0], 0.25) / share(seconds[1], 0.25));
        for (Version version : versions) {
            version.trainer().close();
            version.device().close();
        }
        System.exit(0);
    }
}
