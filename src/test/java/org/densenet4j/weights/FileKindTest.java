package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16;

import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Files that are given as weights and are something else. */
class FileKindTest {
    @TempDir private Path folder;

    private void refused(byte[] content, String... words) throws IOException {
        Path path = Files.write(folder.resolve("weights.pth"), content);
        IOException e = assertThrows(IOException.class, () -> WeightFile.open(path).close());
        assertTrue(e.getMessage().startsWith(path + ": "), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        for (String word : words) {
            assertTrue(e.getMessage().contains(word), e.getMessage());
        }
    }

    private void refused(String content, String... words) throws IOException {
        refused(content.getBytes(ISO_8859_1), words);
    }

    @Test
    void filesAreToldForWhatTheyAre() throws IOException {
        refused("", "is empty");
        refused(
                "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 32342954\n",
                "Git LFS pointer",
                "git lfs pull");
        refused("<!DOCTYPE html><html><head>", "HTML page", "log-in");
        refused("\n <HTML>", "HTML page");
        refused("\u0089HDF\r\n\u001a\n" + "\0".repeat(300), "HDF5");
        refused("\4\0\0\0\1\0\0\0\3\0\0\0V 1" + "\0".repeat(20), "Lua Torch");
        refused("x.pth" + "\0".repeat(252) + "ustar\0", "tar archive", "tar -xf");
        refused("\u0093NUMPY\1\0", "NumPy array");
        refused("GGUF\3\0\0\0", "GGUF");
        refused("\0\0\0\0TFL3\0\0", "TensorFlow Lite");
        refused("\u0080\4\u0095\0\0\0\0\0\0\0\0}.", "pickle that PyTorch did not write");
        refused("\b\7\22\7pytorch\32\0051.9", "ONNX");
        refused("{\"weight_map\": 1}", "JSON file");
        refused("[1, 2]", "JSON file");
        refused("\u00ef\u00bb\u00bf<html>", "HTML page");
        refused("<!doctype html>".getBytes(UTF_16), "HTML page");
        refused("\u00ff\u00fe{\0}\0", "JSON file");
        refused("4\n1\n3\nV 1\n13\nnn.Sequential\n", "Lua Torch");
        refused("(dp0\nVa\np1\nI1\ns.", "pickle that PyTorch did not write");
        refused("PK\5\6" + "\0".repeat(18), "zip file with nothing in it");
        refused("<?xml version='1.0'?>", "XML");
        refused("0.1 0.2 0.3\n", "text file");
        refused("name: \"DSOD300_deploy\"\nlayer {\n  name: \"data\"\n", "prototxt", ".caffemodel");
        refused("# deploy\nlayers {\n", "prototxt");
        refused("train_net: \"models/train.prototxt\"\n", "prototxt");
        refused("\b\300\u009a\f\22\33DSOD_iter_200000.caffemodel\32\7", "solver", "with it");
        refused("\b\1\20\3\30\254\2 \254\2*\4\0\0\0\0", "mean image");
        Path gz = folder.resolve("x.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(gz))) {
            out.write(1);
        }
        refused(Files.readAllBytes(gz), "gzip", "gunzip");
    }

    /** 640 and 35,615 bytes of header start like a pickle and like gzip. */
    @ParameterizedTest
    @ValueSource(ints = {640, 896, 1152, 0x8b1f})
    void aLengthThatLooksLikeAnotherFormatIsALength(int length) throws IOException {
        String header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
        ByteBuffer bytes = ByteBuffer.allocate(8 + length + 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(length)
                .put((header + " ".repeat(length - header.length())).getBytes(ISO_8859_1));
        Path path = Files.write(folder.resolve("w.safetensors"), bytes.array());
        try (TensorFile file = WeightFile.open(path)) {
            assertTrue(file.contains("x"));
        }
    }

    @Test
    void devicesAndPipesAreNotWaitedFor() {
        IOException e =
                assertThrows(
                        IOException.class, () -> WeightFile.open(Path.of("/dev/zero")).close());
        assertTrue(e.getMessage().contains("not a regular file"), e.getMessage());
    }

    @Test
    void zipFilesAreToldByWhatIsInside() throws IOException {
        Map<String, String> kinds =
                Map.of(
                        "a.npy", "NumPy archive",
                        "net/code/constants.pkl", "TorchScript",
                        "MAR-INF/MANIFEST.json", "TorchServe",
                        "model.weights.h5", "Keras",
                        "net/archive_format", "exported program",
                        "weights.pth", "it has weights.pth: unpack it");
        for (Map.Entry<String, String> kind : kinds.entrySet()) {
            Path zip = folder.resolve("x.zip");
            try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip))) {
                out.putNextEntry(new ZipEntry(kind.getKey())); // compressed, as they may be
                out.write(new byte[1000]);
            }
            refused(Files.readAllBytes(zip), kind.getValue());
        }
    }

    @Test
    void networksOfOtherKindsAreToldByTheirNames() throws IOException {
        Path path = folder.resolve("resnet.safetensors");
        new SafetensorsWriter()
                .floats("layer1.0.conv1.weight", List.of(1), () -> new float[1])
                .write(path);
        IOException e =
                assertThrows(IOException.class, () -> Model.open(path, bc(), LoadOptions.strict()));
        assertTrue(e.getMessage().contains("layer1.0.conv1.weight"), e.getMessage());
        assertTrue(e.getMessage().contains("no tensor with a name of a DenseNet"));
    }

    private static DenseNetSpec bc() {
        return DenseNetSpec.bc(10, 4).build();
    }
}
