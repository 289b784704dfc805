package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.NetworkSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Names of tensors of FC-DenseNets, ResNets, deep stems and graphs of one's own. */
class FamilyNamesTest {
    private static final List<String> PREFIXES =
            List.of("", "module.", "0.", "a.b.module.", "_orig_mod.module.", "my net (v2).");

    static Stream<NetworkSpec> networks() {
        return SmallNetworks.all();
    }

    @ParameterizedTest
    @MethodSource("networks")
    void ourNamesAreFoundBehindWhateverStandsInFront(NetworkSpec spec) {
        List<String> ours = SmallNetworks.tensors(spec);
        NameStyle style = NameStyle.of(spec);
        for (String prefix : PREFIXES) {
            List<String> names = ours.stream().map(name -> prefix + name).toList();
            WeightNames found = WeightNames.of(names, style);
            assertEquals(ours, names.stream().map(found::canonical).toList());
            Optional<FamilyNames> family = NameStyle.ofNames(names);
            assertEquals(
                    style instanceof FamilyNames ? Optional.of(style) : Optional.empty(), family);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "RESNET, layer2.0.shortcut.1.running_var, layer2.0.downsample.1.running_var",
        "RESNET, linear.weight, fc.weight",
        "RESNET, head.fc.weight, fc.weight",
        "RESNET, module.fc.weight, fc.weight",
        "FC_DENSENET, finalConv.weight, finalConv.weight",
        "FC_DENSENET, transUpBlocks.0.convTrans.bias, transUpBlocks.0.convTrans.bias",
        "DENSENET, features.conv2.weight, features.conv2.weight",
        "DENSENET, norm1.bias, features.norm1.bias",
        "DENSENET, denseblock1.denselayer1.norm.1.bias, features.denseblock1.denselayer1.norm1.bias"
    })
    void otherNamesAreBroughtToOurs(FamilyNames style, String name, String expected) {
        List<String> names =
                List.of(
                        name.startsWith("module.") ? "module." + style.example() : style.example(),
                        name);
        assertEquals(expected, WeightNames.of(names, style).canonical(name));
    }

    @ParameterizedTest
    @CsvSource({"DENSENET", "FC_DENSENET", "RESNET"})
    void severalNetworksInOneFileAreRefused(FamilyNames style) {
        String example =
                style == FamilyNames.FC_DENSENET ? "finalConv.weight" : "classifier.weight";
        List<String> names =
                List.of(
                        "student." + style.example(),
                        "teacher." + style.example(),
                        "teacher." + example);
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> WeightNames.of(names, style));
        assertTrue(e.getMessage().contains("'student.', 'teacher.'"), e.getMessage());
    }

    /** A network's first tensor may have a name that is also the end of a part's name. */
    @Test
    void aGraphsOwnNameDecidesBeforeOneThatEndsLikeIt() {
        NetworkSpec spec = SmallNetworks.ownGraph();
        WeightNames found =
                WeightNames.of(
                        List.of("net.first.weight", "ema.net.first.weight", "net.out.bias"),
                        NameStyle.of(spec));
        assertEquals("net.first.weight", found.canonical("net.first.weight"));
        assertEquals("ema.net.first.weight", found.canonical("ema.net.first.weight"));
        assertEquals("net.out.bias", found.canonical("net.out.bias"));
    }

    @ParameterizedTest
    @CsvSource({"DENSENET", "FC_DENSENET", "RESNET"})
    void namesOfAnyLengthTakeNoTime(FamilyNames style) {
        String parts = "layer1.0.denseBlocksDown.".repeat(100_000);
        WeightNames found = WeightNames.of(List.of(style.example(), parts + "weight"), style);
        assertEquals(parts + "weight", found.canonical(parts + "weight"));
    }

    @Test
    void theAuthorsOfRdNetsHaveAStemWithinTheStem() {
        assertEquals(Optional.of("stem.0.weight"), FamilyNames.RDNET.feature("stem.stem.0.weight"));
        assertEquals(Optional.of("stem.1.bias"), FamilyNames.RDNET.feature("stem.1.bias"));
        assertEquals(Optional.empty(), FamilyNames.RDNET.feature("head.fc.weight"));
    }
}
