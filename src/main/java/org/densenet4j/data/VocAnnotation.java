package org.densenet4j.data;

import org.densenet4j.io.FailureReason;
import org.densenet4j.io.OneLine;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;

/**
 * The objects of one image as PASCAL VOC writes them: XML with {@code filename}, {@code size} and
 * for each {@code object} a {@code name}, a {@code bndbox} and whether it is {@code difficult}.
 * Other elements, such as parts of objects, are left alone.
 *
 * <p>VOC counts pixels from 1, and its boxes include both ends: from {@code xmin} to {@code xmax}
 * is from {@code xmin − 1} to {@code xmax} here.
 *
 * @param imageName of the image's file
 * @param width columns of pixels
 * @param height rows of pixels
 * @param objects in the order of the file
 */
public record VocAnnotation(String imageName, int width, int height, List<Named> objects) {
    /** Keeps a copy of the list. */
    public VocAnnotation {
        Objects.requireNonNull(imageName, "imageName");
        objects = WithoutNull.copy(Objects.requireNonNull(objects, "objects"), "objects");
    }

    /**
     * An object whose class has a name.
     *
     * @param name of the class
     * @param difficult whether scores leave it out
     * @param box in pixels, within the image
     */
    public record Named(String name, boolean difficult, Box box) {
        /** Refuses null. */
        public Named {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(box, "box");
        }
    }

    /**
     * Reads a file. Its document type and what it refers to are not looked at.
     *
     * @param file such as {@code Annotations/000005.xml}
     * @return what it says; objects without area are left out
     * @throws IOException in one line with the path when it is missing, no such XML, or its boxes
     *     do not fit its image
     */
    public static VocAnnotation read(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        Element root = document(file).getDocumentElement();
        if (!root.getTagName().equals("annotation")) {
            throw new DataException(
                    file
                            + ": begins with <"
                            + OneLine.shortened(root.getTagName())
                            + ">, a VOC file with <annotation>");
        }
        Element size = required(file, root, "size");
        int width = side(file, size, "width");
        int height = side(file, size, "height");
        List<Named> objects = new ArrayList<>();
        for (Element object : children(root, "object")) {
            String name = text(file, object, "name");
            Element bounds = required(file, object, "bndbox");
            Box box =
                    BoxFile.within(
                            file + ", " + OneLine.shortened(name),
                            number(file, bounds, "xmin") - 1,
                            number(file, bounds, "ymin") - 1,
                            number(file, bounds, "xmax"),
                            number(file, bounds, "ymax"),
                            width,
                            height);
            boolean difficult =
                    !children(object, "difficult").isEmpty()
                            && number(file, object, "difficult") != 0;
            if (box != null) {
                objects.add(new Named(name, difficult, box));
            }
        }
        String imageName = children(root, "filename").isEmpty() ? "" : text(file, root, "filename");
        return new VocAnnotation(imageName, width, height, objects);
    }

    private static Document document(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            // Entities of others' files, and of this one without end, come with a document type.
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            DocumentBuilder builder = factory.newDocumentBuilder();
            builder.setErrorHandler(new Silent());
            return builder.parse(in);
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException(e);
        } catch (SAXParseException e) {
            throw new DataException(
                    file + ", line " + e.getLineNumber() + ": is not XML: " + e.getMessage(), e);
        } catch (SAXException e) {
            throw new DataException(file + ": is not XML: " + e.getMessage(), e);
        } catch (IOException e) {
            String reason = Files.isDirectory(file) ? "is a folder" : FailureReason.of(e);
            throw new DataException(file + ": " + reason, e);
        }
    }

    /** Throws what is wrong, and prints nothing. */
    private static final class Silent implements ErrorHandler {
        @Override
        public void warning(SAXParseException e) {
            // of no consequence here
        }

        @Override
        public void error(SAXParseException e) throws SAXException {
            throw e;
        }

        @Override
        public void fatalError(SAXParseException e) throws SAXException {
            throw e;
        }
    }

    private static List<Element> children(Element parent, String name) {
        List<Element> found = new ArrayList<>();
        for (@Nullable Node node = parent.getFirstChild();
                node != null;
                node = node.getNextSibling()) {
            if (node instanceof Element element && element.getTagName().equals(name)) {
                found.add(element);
            }
        }
        return found;
    }

    private static Element required(Path file, Element parent, String name) throws DataException {
        List<Element> found = children(parent, name);
        if (found.size() != 1) {
            throw new DataException(
                    file
                            + ": has "
                            + (found.isEmpty() ? "no" : "several")
                            + " <"
                            + name
                            + "> in <"
                            + parent.getTagName()
                            + ">");
        }
        return found.getFirst();
    }

    private static String text(Path file, Element parent, String name) throws DataException {
        String text = required(file, parent, name).getTextContent().strip();
        if (text.isEmpty()) {
            throw new DataException(file + ": <" + name + "> is empty");
        }
        return text;
    }

    private static double number(Path file, Element parent, String name) throws DataException {
        String text = text(file, parent, name);
        try {
            double value = Double.parseDouble(text);
            if (Math.abs(value) < Integer.MAX_VALUE) {
                return value;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new DataException(
                file + ": <" + name + "> is '" + OneLine.shortened(text) + "', not a number");
    }

    private static int side(Path file, Element size, String name) throws DataException {
        double value = number(file, size, name);
        if (value < 1 || value != Math.rint(value)) {
            throw new DataException(
                    file
                            + ": the image's <"
                            + name
                            + "> is "
                            + size.getElementsByTagName(name).item(0).getTextContent().strip()
                            + ": write the pixels that it has");
        }
        return (int) value;
    }
}
