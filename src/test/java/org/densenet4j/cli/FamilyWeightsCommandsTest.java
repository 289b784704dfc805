package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.ElementType;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import javax.imageio.ImageIO;

/** The commands on weights take files of every family, with and without a record of the network. */
class FamilyWeightsCommandsTest {
    private static final String BATCH_NORMALISATION =
            "the file does not tell its batch normalisation";

    @TempDir private static Path folder;
    private static Path image;

    @BeforeAll
    static void draw() throws IOException {
        image = folder.resolve("disc.png");
        ImageIO.write(DrawnImages.draw("disc", 40, 1), "png", image.toFile());
    }

    private static Captured run(String command, Path weights, Object... more) {
        List<String> arguments = new ArrayList<>(List.of(command, "--weights", weights.toString()));
        Arrays.stream(more).map(String::valueOf).forEach(arguments::add);
        Captured captured = Captured.run(arguments);
        assertEquals(0, captured.code(), captured.err());
        return captured;
    }

    /** As torchvision saves a state dict, with its counts of batches. */
    private static Path torchvision(RandomModel model, String name) throws IOException {
        PthWriter writer = model.pth(new PthWriter(), tensor -> tensor);
        for (String norm : List.of("bn1.", "layer1.0.bn1.")) {
            writer.view(
                    norm + "num_batches_tracked",
                    new PthWriter.View(
                            norm, ElementType.I64, new byte[8], 0, new int[0], new int[0]));
        }
        return writer.writeZip(folder.resolve(name));
    }

    private static void assertExportsPredictTheSame(Path weights, String model, Object... options)
            throws IOException {
        Object[] predict = Arrays.copyOf(options, options.length + 1);
        predict[options.length] = image;
        String expected = run("predict", weights, predict).out();
        assertEquals(6, expected.lines().count(), expected);
        Path export = folder.resolve(model + ".safetensors");
        Captured exported =
                run("export", weights, "--format", "safetensors", "--out", export, "--overwrite");
        assertTrue(exported.out().contains("ResNet " + model + " ("), exported.out());
        assertEquals(expected, run("predict", export, predict).out());
    }

    @Test
    void aStateDictOfTorchvisionsResNetPredictsAndIsExported() throws IOException {
        ResNetSpec spec = ResNetSpec.resnet18().initialChannels(8).classes(9).build();
        Path weights = torchvision(new RandomModel(spec, 1), "resnet.pth");
        assertExportsPredictTheSame(weights, "custom", "--input-size", 40);
    }

    @Test
    void aCifarResNetPredictsEmbedsAndIsLookedInto() throws IOException {
        RandomModel model = new RandomModel(ResNetSpec.cifar(20).build(), 2);
        Path weights = model.writeForeign(folder.resolve("cifar.st"), name -> "module." + name);
        assertExportsPredictTheSame(weights, "cifar-resnet-20");
        assertExportsPredictTheSame(weights, "cifar-resnet-20", "--model", "cifar-resnet-20");
        Path embeddings = folder.resolve("embeddings.csv");
        assertTrue(run("embed", weights, "--out", embeddings, image).out().contains("length 64"));
        Path maps = folder.resolve("maps");
        run("heatmap", weights, "--out", maps, image);
        assertTrue(Files.exists(maps.resolve("disc.png")), "a map beside its image's name");
        Path onnx = folder.resolve("cifar.onnx");
        run("export", weights, "--format", "onnx", "--out", onnx);
        assertTrue(Files.size(onnx) > 1_000_000);
    }

    @Test
    void aCondensedNetworkIsConvertedAndPredictsTheSame() {
        Path condensed = Path.of("src/test/resources/golden/converted/condensed.safetensors");
        Path converted = folder.resolve("converted.safetensors");
        String options = "--ignore-unexpected --input-size 16 --mean 0.5,0.5,0.5 --std 0.2,0.2,0.2";
        Captured told = run("convert", condensed, "--ignore-unexpected", "--out", converted);
        assertTrue(
                told.out().matches("(?s).*converted.safetensors  CondenseNet .*multiply-adds, .*"),
                told.out());
        Object[] predict = (options + " " + image).split(" ");
        assertEquals(
                run("predict", condensed, predict).out(), run("predict", converted, predict).out());
        Captured again =
                Captured.run("convert", "--weights", "" + converted, "--out", "" + converted);
        assertEquals(2, again.code(), again.err());
        assertTrue(again.err().startsWith("error: "), again.err());
        Captured half =
                run("convert", converted, "--half-classifier", "--out", folder.resolve("half.st"));
        assertTrue(half.out().contains("half.st"), half.out());
    }

    @Test
    void whatCannotBeConvertedIsRefusedInOneLine() throws IOException {
        RandomModel model = new RandomModel(ResNetSpec.cifar(8).build(), 3);
        Path weights = model.write(folder.resolve("resnet.safetensors"));
        Captured refused = Captured.run("convert", "--weights", "" + weights);
        assertEquals(2, refused.code(), refused.err());
        assertTrue(refused.err().contains("only a CondenseNet can be converted"), refused.err());
    }

    @Test
    void theModelMayBeOfAnyFamilyAndHasToBeTheRightOne() throws IOException {
        RandomModel model = new RandomModel(ResNetSpec.cifar(8).build(), 3);
        Path weights = model.writeForeign(folder.resolve("right.st"), name -> name);
        run("predict", weights, "--model", "cifar-resnet-8", image);
        for (String wrong : List.of("cifar-resnet-14", "bc-10-4", "fc-densenet56")) {
            Captured refused =
                    Captured.run(
                            "predict",
                            "--weights",
                            weights.toString(),
                            "--model",
                            wrong,
                            "" + image);
            assertEquals(2, refused.code(), refused.err());
            String error = refused.err().lines().toList().getLast();
            assertTrue(error.startsWith("error: "), error);
            assertTrue(error.contains("those of ResNet cifar-resnet-8"), error);
        }
    }

    @Test
    void howAnFcDenseNetOfOthersIsTakenIsSaidInANote() throws IOException {
        FcDenseNetSpec spec = FcDenseNetSpec.fcDenseNet56().build();
        Path weights = new RandomModel(spec, 4).writeForeign(folder.resolve("fc.st"), n -> n);
        Path port = folder.resolve("port.safetensors");
        Captured exported = run("export", weights, "--format", "safetensors", "--out", port);
        assertTrue(exported.err().contains("note: "), exported.err());
        assertTrue(exported.err().contains(BATCH_NORMALISATION), exported.err());
        assertTrue(exported.err().contains("taken as the usual PyTorch port's"), exported.err());
        Path onnx = folder.resolve("authors.onnx");
        Captured authors =
                run(
                        "export",
                        weights,
                        "--model",
                        "fc-densenet56",
                        "--format",
                        "onnx",
                        "--out",
                        onnx);
        assertTrue(authors.err().contains("taken as the authors'"), authors.err());
        assertTrue(Files.size(onnx) > 4_000_000);
        Captured again = run("export", port, "--format", "onnx", "--out", onnx, "--overwrite");
        assertFalse(again.err().contains(BATCH_NORMALISATION), "the export records it");
    }

    @Test
    void whatIsForDenseNetsOnlySaysSo() throws IOException {
        RandomModel model = new RandomModel(ResNetSpec.cifar(8).build(), 5);
        Path weights = model.write(folder.resolve("resnet.safetensors"));
        Captured.run("prune-report", "--weights", weights.toString(), "--data", "cifar10:" + folder)
                .mustRefuse("'cifar-resnet-8' is no DenseNet", "bc-100-12");
    }
}
