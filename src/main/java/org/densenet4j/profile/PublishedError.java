package org.densenet4j.profile;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.FamilySpec;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * The error that others have published of a preset.
 *
 * @param network name of the preset
 * @param percent of the test images whose most likely class is a wrong one; on ImageNet of the
 *     single centre crop of each
 * @param data that it was trained and tested on
 * @param source where it was published
 */
public record PublishedError(String network, double percent, String data, String source) {
    private static final String DENSENET = "github.com/liuzhuang13/DenseNet";
    private static final String RESNET = "github.com/facebook/fb.resnet.torch, pretrained";
    private static final String IMAGENET = "ImageNet";
    private static final String CIFAR = "CIFAR-10, augmented";

    /** All of them. */
    public static final List<PublishedError> ALL =
            List.of(
                    new PublishedError("densenet121", 25.0, IMAGENET, DENSENET),
                    new PublishedError("densenet169", 23.6, IMAGENET, DENSENET),
                    new PublishedError("densenet201", 22.5, IMAGENET, DENSENET),
                    new PublishedError("densenet161", 22.2, IMAGENET, DENSENET),
                    new PublishedError("resnet18", 30.43, IMAGENET, RESNET),
                    new PublishedError("resnet34", 26.73, IMAGENET, RESNET),
                    new PublishedError("resnet50", 24.01, IMAGENET, RESNET),
                    new PublishedError("resnet101", 22.44, IMAGENET, RESNET),
                    new PublishedError("resnet152", 22.16, IMAGENET, RESNET),
                    new PublishedError(
                            "bc-100-12", 4.51, CIFAR, "Huang et al. 2017, arXiv 1608.06993"),
                    new PublishedError(
                            "cifar-preresnet-1001",
                            4.62,
                            CIFAR,
                            "He et al. 2016, arXiv 1603.05027"));

    /**
     * {@return the error of a network that is a preset as it was published; none of any other}
     *
     * @param spec any network
     */
    public static Optional<PublishedError> of(NetworkSpec spec) {
        Objects.requireNonNull(spec, "spec");
        return ALL.stream()
                .filter(e -> e.network.equals(spec.name()))
                .filter(e -> FamilySpec.preset(e.network).build().equals(spec))
                .findFirst();
    }
}
