// SPDX-License-Identifier: Apache-2.0
//
// What Swift cannot import of OpenSSL: macros with arguments, and the callbacks of a BIO, which are C functions.
// Nothing here decides anything.

#ifndef BRANA_COPENSSL_SHIM_H
#define BRANA_COPENSSL_SHIM_H

#include <stdint.h>
#include <string.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ocsp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// MARK: A BIO over two borrowed stretches of memory

/// What one call into OpenSSL may read and where it may write.
///
/// The owner points it at its own buffers before each call and clears it afterwards, so a BIO over it copies nothing
/// twice and holds no memory of its own.
typedef struct {
    const uint8_t *input;
    size_t input_length;
    uint8_t *output;
    size_t output_length;
    size_t output_capacity;
} brana_bio_window;

static inline int brana_bio_read(BIO *bio, char *destination, size_t wanted, size_t *taken) {
    brana_bio_window *window = (brana_bio_window *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t count = window->input_length < wanted ? window->input_length : wanted;
    if (count == 0) {
        *taken = 0;
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(destination, window->input, count);
    window->input += count;
    window->input_length -= count;
    *taken = count;
    return 1;
}

static inline int brana_bio_write(BIO *bio, const char *source, size_t offered, size_t *taken) {
    brana_bio_window *window = (brana_bio_window *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t room = window->output_capacity - window->output_length;
    size_t count = room < offered ? room : offered;
    if (count == 0) {
        *taken = 0;
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(window->output + window->output_length, source, count);
    window->output_length += count;
    *taken = count;
    return 1;
}

static inline long brana_bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    // Everything that is written is at once in the owner's buffer, so a flush has nothing to do.
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// The method table of the window BIO; made once for the process, NULL when out of memory.
static inline BIO_METHOD *brana_bio_window_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "brana window");
    if (method == NULL) return NULL;
    BIO_meth_set_read_ex(method, brana_bio_read);
    BIO_meth_set_write_ex(method, brana_bio_write);
    BIO_meth_set_ctrl(method, brana_bio_control);
    return method;
}

/// Gives `ssl` a BIO over `window`, which must outlive it. 1, or 0 when out of memory.
static inline int brana_ssl_set_window(SSL *ssl, const BIO_METHOD *method, brana_bio_window *window) {
    BIO *bio = BIO_new(method);
    if (bio == NULL) return 0;
    BIO_set_data(bio, window);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}

// MARK: Macros as functions

static inline long brana_ssl_ctx_set_mode(SSL_CTX *context, long mode) { return SSL_CTX_set_mode(context, mode); }

/// No compression and no renegotiation; no tickets unless asked for.
static inline void brana_ssl_ctx_set_options(SSL_CTX *context, int tickets) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | (tickets ? 0 : SSL_OP_NO_TICKET));
}

static inline int brana_ssl_ctx_set_versions(SSL_CTX *context, int minimum, int maximum) {
    return (int)SSL_CTX_set_min_proto_version(context, minimum) == 1
        && (int)SSL_CTX_set_max_proto_version(context, maximum) == 1;
}

static inline int brana_ssl_set_versions(SSL *ssl, int minimum, int maximum) {
    return (int)SSL_set_min_proto_version(ssl, minimum) == 1 && (int)SSL_set_max_proto_version(ssl, maximum) == 1;
}

static inline int brana_ssl_set_groups(SSL *ssl, const char *groups) { return (int)SSL_set1_groups_list(ssl, groups); }

/// Turns tickets on or off for one connection.
static inline void brana_ssl_set_tickets(SSL *ssl, int tickets) {
    if (tickets) SSL_clear_options(ssl, SSL_OP_NO_TICKET);
    else SSL_set_options(ssl, SSL_OP_NO_TICKET);
}

/// Has tickets made and opened by `callback`.
static inline void brana_ssl_ctx_set_ticket_callback(
    SSL_CTX *context,
    int (*callback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int)
) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, callback);
}

/// Sets HMAC-SHA-256 with this key.
static inline int brana_ticket_mac_key(EVP_MAC_CTX *mac, const uint8_t *key, size_t length) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, length),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters);
}

static inline int brana_ssl_ctx_set_groups(SSL_CTX *context, const char *groups) {
    return (int)SSL_CTX_set1_groups_list(context, groups);
}

static inline long brana_ssl_ctx_set_session_cache_mode(SSL_CTX *context, long mode) {
    return SSL_CTX_set_session_cache_mode(context, mode);
}

static inline int brana_ssl_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline int brana_ssl_ex_index(void) { return SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL); }

static inline BIO *brana_bio_over(const void *bytes, int count) { return BIO_new_mem_buf(bytes, count); }
static inline long brana_bio_content(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

static inline int brana_error_library(unsigned long code) { return ERR_GET_LIB(code); }
static inline int brana_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

/// Writes a distinguished name as RFC 2253 has it.
static inline int brana_print_name(BIO *bio, const X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
}

static inline STACK_OF(X509) *brana_x509_stack_new(void) { return sk_X509_new_null(); }
static inline int brana_x509_stack_push(STACK_OF(X509) *stack, X509 *item) { return sk_X509_push(stack, item); }
static inline int brana_x509_stack_count(const STACK_OF(X509) *stack) { return sk_X509_num(stack); }
static inline X509 *brana_x509_stack_item(const STACK_OF(X509) *stack, int index) {
    return sk_X509_value(stack, index);
}
static inline void brana_x509_stack_free(STACK_OF(X509) *stack) { sk_X509_free(stack); }

static inline STACK_OF(X509_NAME) *brana_name_stack_new(void) { return sk_X509_NAME_new_null(); }
static inline int brana_name_stack_push(STACK_OF(X509_NAME) *stack, X509_NAME *item) {
    return sk_X509_NAME_push(stack, item);
}

static inline int brana_general_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *brana_general_name(const GENERAL_NAMES *names, int index) {
    return sk_GENERAL_NAME_value(names, index);
}

static inline int brana_object_count(const EXTENDED_KEY_USAGE *usages) { return sk_ASN1_OBJECT_num(usages); }
static inline ASN1_OBJECT *brana_object(const EXTENDED_KEY_USAGE *usages, int index) {
    return sk_ASN1_OBJECT_value(usages, index);
}

// MARK: OCSP

/// Has a client ask for a stapled OCSP response.
static inline void brana_ssl_ask_for_staple(SSL *ssl) { SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp); }

/// Has a client judge what was stapled, and a server staple.
static inline void brana_ssl_ctx_set_status_callback(SSL_CTX *context, int (*callback)(SSL *, void *)) {
    SSL_CTX_set_tlsext_status_cb(context, callback);
}

/// What the server has stapled; -1 for nothing.
static inline long brana_ssl_staple(SSL *ssl, const uint8_t **bytes) {
    return SSL_get_tlsext_status_ocsp_resp(ssl, (unsigned char **)bytes);
}

/// Staples a copy of the bytes; 0 when out of memory.
static inline int brana_ssl_set_staple(SSL *ssl, const uint8_t *bytes, size_t count) {
    uint8_t *copy = OPENSSL_malloc(count);
    if (copy == NULL) return 0;
    memcpy(copy, bytes, count);
    return (int)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)count);
}

static inline int brana_text_count(const STACK_OF(OPENSSL_STRING) *texts) { return sk_OPENSSL_STRING_num(texts); }
static inline const char *brana_text(const STACK_OF(OPENSSL_STRING) *texts, int index) {
    return sk_OPENSSL_STRING_value(texts, index);
}

/// The bytes of a general name that is text or an address; NULL for another kind.
static inline const ASN1_STRING *brana_general_name_string(const GENERAL_NAME *name) {
    switch (name->type) {
    case GEN_URI: return name->d.uniformResourceIdentifier;
    case GEN_DNS: return name->d.dNSName;
    case GEN_IPADD: return name->d.iPAddress;
    default: return NULL;
    }
}

/// A password callback that never has one, so that no key file makes the process ask on a terminal.
static inline int brana_no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer;
    (void)size;
    (void)writing;
    *(int *)context = 1;
    return -1;
}

/// The first private key in `bio`. `*encrypted` becomes 1 when it needs a passphrase.
static inline EVP_PKEY *brana_read_private_key(BIO *bio, int *encrypted) {
    *encrypted = 0;
    return PEM_read_bio_PrivateKey(bio, NULL, brana_no_password, encrypted);
}

#endif
