package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * ONNX files of DenseNets are what they were when they were first written, byte for byte: names of
 * operators, order, attributes, weights, notes. SHA-256 of files of small networks.
 */
class OnnxDigestsTest {
    @TempDir private Path folder;

    private static DenseNetSpec spec(String name) {
        DenseNetSpec.Builder imageNet =
                DenseNetSpec.builder()
                        .name("imagenet")
                        .growthRate(3)
                        .layersPerBlock(2, 1, 2)
                        .initialChannels(4)
                        .stem(Stem.IMAGENET)
                        .inputSize(40, 50)
                        .classes(5);
        return switch (name) {
            case "imagenet" -> imageNet.build();
            case "imagenet-plain" -> imageNet.bottleneckWidth(0).inputChannels(1).build();
            case "one-layer" -> DenseNetSpec.builder().layersPerBlock(1).growthRate(2).build();
            case "epsilon" -> DenseNetSpec.bc(10, 2).bnEpsilon(1e-3).dropout(0.2).build();
            default -> DenseNetSpec.preset(name).classes(3).build();
        };
    }

    @ParameterizedTest
    @CsvSource({
        "bc-16-3, 22, false, false, 4ddc035ae351d7b2d4a69720d6465eb8384aeb848bea29c38893ec986a0ded02",
        "bc-16-3, 13, true, true, b625ed1a63d77cf10b089123782720aa12ffbdabe630451ad9ee4f1575ba0a4c",
        "plain-10-4, 22, false, false, 374d613f91858c2eb09d2407a56e7d7c405ea3bf5de0958b44f92128cf4f3701",
        "b-16-3, 20, false, false, e14a0b7bca0a2274d6f2bfa22813006cf552c086f4604ba1e4767b15a389b9d4",
        "c-10-3, 18, true, false, 2d65a01345b9a7942089c8d66bfd59bdb5a18dffc067bb86f1c354c987b32058",
        "imagenet, 22, false, false, 275cc497a8bf1d54e92df4cd02421a6daf6a565c813ce87c4f6e6a38262082e5",
        "imagenet, 17, true, true, ffd0ec2e2dfa85af0c73c5ae1ea520a7662e83bc7715d9b6c94179bff36a3f7e",
        "imagenet-plain, 22, false, true, c4642fdcbb0410858e4c2421394f413f157612e04732bbe076d4a64ca2d9f3a3",
        "one-layer, 22, false, false, 6674aa7ea120607f65ca7d15b6c3c161d488bfb3984199419ab64ebe986dcccf",
        "epsilon, 22, false, false, 10c0e1a71e450cdb14ba9599e9a915149afb27dbcd384e1d8d9ca5a7370f46a9",
    })
    void filesOfDenseNetsStayAsTheyAre(
            String name, int opset, boolean fixedSize, boolean probabilities, String digest)
            throws IOException, NoSuchAlgorithmException {
        Path weights = new RandomModel(spec(name), 7).write(folder.resolve("m.safetensors"));
        Path onnx = folder.resolve("m.onnx");
        try (Model model = Model.open(weights)) {
            OnnxExport.write(model, onnx, new OnnxOptions(opset, fixedSize, probabilities, false));
        }
        byte[] sha = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(onnx));
        assertEquals(digest, HexFormat.of().formatHex(sha));
    }
}
