/*
 * accept_sas.c: makes a kernel without ESP say yes. An IKE daemon that only knows the kernel's XFRM
 * cannot establish a CHILD_SA where CONFIG_INET_ESP is missing; these rows test IKE alone. Preloaded
 * into the peer, this turns each request that adds, updates or deletes an SA or a policy into a
 * netlink no-op that asks for an acknowledgement, so the daemon reads success and nothing is installed.
 * SPI allocation still goes to the kernel. Where the environment variable ACCEPTED_SAS names a file,
 * each SA that the daemon wanted installed is appended to it, a line an SA, keys in hex: so the rows
 * see what the peer would have keyed the kernel with. Never used by the program itself.
 *
 *   gcc -O2 -shared -fPIC -o accept_sas.so accept_sas.c -ldl
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>

typedef ssize_t sendto_function(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
typedef ssize_t write_function(int, const void *, size_t);

static int is_xfrm_socket(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t size = sizeof domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) || domain != AF_NETLINK)
		return 0;
	size = sizeof protocol;
	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) && protocol == NETLINK_XFRM;
}

static int installs(unsigned short type)
{
	switch (type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
	case XFRM_MSG_DELSA:
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
	case XFRM_MSG_DELPOLICY:
	case XFRM_MSG_MIGRATE:
		return 1;
	default:
		return 0;
	}
}

/* An algorithm of the kernel's name, and its key. */
static void put_key(FILE *out, const char *what, const char *name, const unsigned char *key,
		    unsigned int bits)
{
	fprintf(out, " %s=%s:", what, name);
	for (unsigned int i = 0; i < bits / 8; i++)
		fprintf(out, "%02x", key[i]);
}

static void put_attribute(FILE *out, struct rtattr *attribute)
{
	void *data = RTA_DATA(attribute);

	switch (attribute->rta_type) {
	case XFRMA_ALG_AEAD: {
		struct xfrm_algo_aead *a = data;
		put_key(out, "aead", a->alg_name, (unsigned char *)a->alg_key, a->alg_key_len);
		break;
	}
	case XFRMA_ALG_CRYPT: {
		struct xfrm_algo *a = data;
		put_key(out, "crypt", a->alg_name, (unsigned char *)a->alg_key, a->alg_key_len);
		break;
	}
	case XFRMA_ALG_AUTH_TRUNC: {
		struct xfrm_algo_auth *a = data;
		put_key(out, "auth", a->alg_name, (unsigned char *)a->alg_key, a->alg_key_len);
		break;
	}
	case XFRMA_ALG_COMP:
		fprintf(out, " comp=%s", ((struct xfrm_algo *)data)->alg_name);
		break;
	case XFRMA_ENCAP:
		fprintf(out, " encap=udp");
		break;
	}
}

static void put_sa(const char *path, const void *octets, size_t length)
{
	const struct nlmsghdr *header = octets;
	struct xfrm_usersa_info *sa = NLMSG_DATA(header);
	struct rtattr *attribute = (struct rtattr *)((char *)sa + NLMSG_ALIGN(sizeof *sa));
	int left = (int)header->nlmsg_len - (int)NLMSG_LENGTH(sizeof *sa);
	FILE *out;

	if (header->nlmsg_len > length || left < 0 || !(out = fopen(path, "ae")))
		return;
	fprintf(out, "protocol=%u spi=%08x mode=%s esn=%d", sa->id.proto, ntohl(sa->id.spi),
		sa->mode == XFRM_MODE_TRANSPORT ? "transport" : "tunnel",
		!!(sa->flags & XFRM_STATE_ESN));
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		put_attribute(out, attribute);
	fprintf(out, "\n");
	fclose(out);
}

/* Whether the message installs something; then `header` is the no-op to send in its place. */
static int replaced(int fd, const void *octets, size_t length, struct nlmsghdr *header)
{
	const char *path = getenv("ACCEPTED_SAS");

	if (length < sizeof *header || !is_xfrm_socket(fd))
		return 0;
	memcpy(header, octets, sizeof *header);
	if (!installs(header->nlmsg_type))
		return 0;
	if (path && (header->nlmsg_type == XFRM_MSG_NEWSA || header->nlmsg_type == XFRM_MSG_UPDSA))
		put_sa(path, octets, length);
	header->nlmsg_type = NLMSG_NOOP;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header->nlmsg_len = sizeof *header;
	return 1;
}

ssize_t sendto(int fd, const void *octets, size_t length, int flags, const struct sockaddr *to,
	       socklen_t to_length)
{
	static sendto_function *real;
	struct nlmsghdr no_op;

	if (!real)
		real = (sendto_function *)dlsym(RTLD_NEXT, "sendto");
	if (!replaced(fd, octets, length, &no_op))
		return real(fd, octets, length, flags, to, to_length);
	return real(fd, &no_op, sizeof no_op, flags, to, to_length) < 0 ? -1 : (ssize_t)length;
}

ssize_t write(int fd, const void *octets, size_t length)
{
	static write_function *real;
	struct nlmsghdr no_op;

	if (!real)
		real = (write_function *)dlsym(RTLD_NEXT, "write");
	if (!replaced(fd, octets, length, &no_op))
		return real(fd, octets, length);
	return real(fd, &no_op, sizeof no_op) < 0 ? -1 : (ssize_t)length;
}
