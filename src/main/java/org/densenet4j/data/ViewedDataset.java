package org.densenet4j.data;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Several views of every image of a data set, one behind the other: what test-time augmentation
 * looks at.
 */
public final class ViewedDataset implements Dataset {
    private final Dataset data;
    private final CentreCrop crop;
    private final List<ImageView> views;

    private ViewedDataset(Dataset data, CentreCrop crop, List<ImageView> views) {
        this.data = data;
        this.crop = crop;
        this.views = views;
    }

    /**
     * {@return the views of all images: of image i those from i·views on}
     *
     * @param data images, of any size where parts beside the middle are wanted
     * @param crop what they are resized and cut to, as the data set's own
     * @param views 1 or more
     */
    public static ViewedDataset of(Dataset data, CentreCrop crop, List<ImageView> views) {
        Objects.requireNonNull(data, "data");
        Objects.requireNonNull(crop, "crop");
        List<ImageView> copy = WithoutNull.copy(views, "views");
        if (copy.isEmpty()) {
            throw new IllegalArgumentException("there are no views: give one or more");
        }
        Math.multiplyExact(data.size(), copy.size());
        return new ViewedDataset(data, crop, copy);
    }

    @Override
    public int size() {
        return data.size() * views.size();
    }

    @Override
    public int height() {
        return data.height();
    }

    @Override
    public int width() {
        return data.width();
    }

    @Override
    public int channels() {
        return data.channels();
    }

    @Override
    public List<String> classNames() {
        return data.classNames();
    }

    @Override
    public Task task() {
        return data.task();
    }

    @Override
    public float[] targets(int index) {
        return data.targets(index / views.size());
    }

    @Override
    public int label(int index) {
        return data.label(index / views.size());
    }

    @Override
    public void read(int index, byte[] pixels) {
        Objects.requireNonNull(pixels, "pixels");
        int image = index / views.size();
        ImageView view = views.get(index % views.size());
        if (!view.isCentred()) {
            byte[] part = data.image(image, whole -> crop.view(whole, view).pixels());
            System.arraycopy(part, 0, pixels, 0, part.length);
            return;
        }
        data.read(image, pixels); // as evaluation sees it
        if (view.mirrored()) {
            byte[] mirrored =
                    new Image(height(), width(), channels(), pixels)
                            .oriented(ExifOrientation.MIRRORED)
                            .pixels();
            System.arraycopy(mirrored, 0, pixels, 0, mirrored.length);
        }
    }

    @Override
    public boolean exifOrientation() {
        return data.exifOrientation();
    }

    @Override
    public Optional<Resizing> resizing() {
        return data.resizing();
    }
}
