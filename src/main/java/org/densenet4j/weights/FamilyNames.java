package org.densenet4j.weights;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of the families: torchvision's of DenseNets and ResNets, those of FC-DenseNet's usual
 * PyTorch port, those of the authors of CondenseNet and of MSDNet's PyTorch code, and timm's of
 * RDNets.
 */
enum FamilyNames implements NameStyle {
    /**
     * With or without {@code features.}; also in the style of torchvision before 0.3 ({@code
     * denselayer1.norm.1.weight}), and with the last normalisation's name in Pleiss et al.'s own
     * code ({@code norm_final}). timm's names are torchvision's.
     */
    DENSENET(
            "a DenseNet",
            "features.conv0.weight",
            "features.",
            "conv0|norm0|denseblock\\d+|transition\\d+|norm5|norm_final",
            "|conv[12]|norm[12]",
            "classifier") {
        private static final Pattern OLD_STYLE =
                Pattern.compile("(denselayer\\d+\\.(?:norm|conv))\\.([12]\\.)");

        @Override
        String modern(String rest) {
            String n = OLD_STYLE.matcher(rest).replaceFirst("$1$2");
            return n.replaceFirst("^norm_final\\.", "norm5.");
        }
    },

    /** Jégou et al. 2017, arXiv 1611.09326. */
    FC_DENSENET(
            "an FC-DenseNet",
            "firstconv.weight",
            "",
            "firstconv|denseBlocks(?:Down|Up)\\.\\d+|trans(?:Down|Up)Blocks\\.\\d+"
                    + "|bottleneck\\.bottleneck",
            "",
            "finalConv"),

    /** Also with {@code shortcut} for {@code downsample}, as several ports for CIFAR have it. */
    RESNET("a ResNet", "layer1.0.conv1.weight", "", "layer\\d+\\.\\d+", "|conv1|bn1|bn", "fc") {
        private static final Pattern SHORTCUT =
                Pattern.compile("^(layer\\d+\\.\\d+\\.)shortcut\\.");

        @Override
        String modern(String rest) {
            return SHORTCUT.matcher(rest).replaceFirst("$1downsample.");
        }
    },

    /** The authors' (Huang et al. 2018, arXiv 1711.09224). */
    CONDENSENET(
            "a CondenseNet",
            "features.init_conv.weight",
            "features.",
            "init_conv|denseblock_\\d+|norm_last",
            "",
            "classifier"),

    /**
     * Of the authors' PyTorch code (Huang et al. 2018, arXiv 1703.09844). Every exit has a head.
     */
    MSDNET(
            "an MSDNet",
            "blocks.0.1.layers.0.conv_normal.net.0.weight",
            "",
            "blocks\\.\\d+\\.\\d+\\.(?:layers|m)|classifier\\.\\d+\\.m",
            "",
            "classifier.0.linear"),

    /** timm's; the authors' (Kim et al. 2024) have one {@code stem.} more. */
    RDNET(
            "an RDNet",
            "dense_stages.0.0.dense_block0.layers.layers.0.weight",
            "",
            "dense_stages\\.\\d+\\.\\d+",
            "|stem\\.(?:stem\\.)?[01]|head\\.norm",
            "head.fc") {
        @Override
        String modern(String rest) {
            return rest.replaceFirst("^stem\\.stem\\.", "stem.");
        }
    };

    private final String network;
    private final String example;
    private final String container;
    private final Pattern telling;
    private final Pattern features;
    private final String head;

    /**
     * @param container what our names of features start with, which others may leave out
     * @param telling how names start that only such networks have
     * @param more alternatives of how other names of features start
     */
    FamilyNames(
            String network,
            String example,
            String container,
            String telling,
            String more,
            String head) {
        this.network = network;
        this.example = example;
        this.container = container;
        this.telling =
                Pattern.compile(
                        "(|.*?\\.)(?:" + Pattern.quote(container) + ")?(?:" + telling + ")\\..*");
        this.features = Pattern.compile("(?:" + telling + more + ")\\..*");
        this.head = head;
    }

    @Override
    public String network() {
        return network;
    }

    @Override
    public String example() {
        return example;
    }

    @Override
    public Optional<String> head() {
        return Optional.of(head);
    }

    @Override
    public Optional<String> prefix(String name) {
        if (name.length() > LONGEST) {
            return Optional.empty();
        }
        Matcher matcher = telling.matcher(name);
        return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    @Override
    public Optional<String> feature(String rest) {
        if (rest.length() > LONGEST) {
            return Optional.empty();
        }
        String inside = rest.startsWith(container) ? rest.substring(container.length()) : rest;
        return features.matcher(inside).matches()
                ? Optional.of(container + modern(inside))
                : Optional.empty();
    }

    @Override
    public boolean isFeature(String canonical) {
        return container.isEmpty()
                ? features.matcher(canonical).matches()
                : canonical.startsWith(container);
    }

    /** The name that tensors have today. */
    String modern(String rest) {
        return rest;
    }
}
