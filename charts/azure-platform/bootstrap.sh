#!/usr/bin/env bash
# What is not a resource of the platform: the cluster that creates it, its operator, and the secrets.
# Each step can be repeated. With --dry-run it prints the commands that would change something.
#
#   bootstrap.sh [--dry-run] create|secrets|databases|outputs|remove ENVIRONMENT
set -euo pipefail

dry=
if [ "${1:-}" = --dry-run ]; then
  dry=1
  shift
fi
step=${1:?create, secrets, databases, outputs or remove}
environment=${2:?environment: prod, staging or dr}
values=$(dirname "$0")/values-$environment.yaml

# name prints a name of the values, value prints a top-level value.
name() { sed -n "/^names:/,/^[a-z]*:\$/s/^  $1: \([^ ]*\).*/\1/p" "$values"; }
value() { sed -n "s/^$1: \([^ ]*\).*/\1/p" "$values"; }

# change runs a command that changes something, or prints it.
change() {
  if [ -n "$dry" ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

# input is change for a command with input, so that no secret is an argument.
input() {
  if [ -n "$dry" ]; then
    cat >/dev/null
  fi
  change "$@"
}

# absent reports whether a lookup fails. In a dry run nothing exists.
absent() { [ -n "$dry" ] || ! "$@" >/dev/null 2>&1; }

subscription=$(value subscription)
region=$(value region)
region=${region:-koreacentral}
management=rg-phonebill-management
cluster=phonebill-management
namespace=azure
az=(az --subscription "$subscription" --only-show-errors)
aso=2.20.0

# create makes the cluster with the operator, whose identity may create all resources and roles.
create() {
  change "${az[@]}" group create --name $management --location "$region" --output none
  if absent "${az[@]}" aks show --resource-group $management --name $cluster; then
    change "${az[@]}" aks create --resource-group $management --name $cluster --node-count 1 --tier free \
      --enable-oidc-issuer --enable-workload-identity --enable-aad --enable-azure-rbac --disable-local-accounts --output none
  fi
  change "${az[@]}" identity create --resource-group $management --name aso --output none
  local client='' issuer=''
  if [ -z "$dry" ]; then
    client=$("${az[@]}" identity show --resource-group $management --name aso --query clientId --output tsv)
    issuer=$("${az[@]}" aks show --resource-group $management --name $cluster --query oidcIssuerProfile.issuerUrl --output tsv)
  fi
  change "${az[@]}" identity federated-credential create --resource-group $management --identity-name aso --name aso \
    --issuer "${issuer:-ISSUER}" --subject system:serviceaccount:azureserviceoperator-system:azureserviceoperator-default \
    --audiences api://AzureADTokenExchange --output none
  local role
  for role in Contributor 'Role Based Access Control Administrator'; do
    change "${az[@]}" role assignment create --assignee "${client:-CLIENT}" --role "$role" --scope "/subscriptions/$subscription" --output none
  done
  change "${az[@]}" aks get-credentials --resource-group $management --name $cluster --overwrite-existing
  change helm upgrade --install cert-manager oci://quay.io/jetstack/charts/cert-manager --version v1.21.2 \
    --namespace cert-manager --create-namespace --set crds.enabled=true --wait
  change helm upgrade --install aso azure-service-operator --repo https://raw.githubusercontent.com/Azure/azure-service-operator/main/v2/charts \
    --version "v$aso" --namespace azureserviceoperator-system --create-namespace --wait \
    --set azureSubscriptionID="$subscription" --set azureTenantID="$(value tenant)" --set azureClientID="${client:-CLIENT}" \
    --set useWorkloadIdentityAuth=true \
    --set crdPattern='resources.azure.com/*;network.azure.com/*;network.frontdoor.azure.com/*;cdn.azure.com/*;containerservice.azure.com/*;containerregistry.azure.com/*;dbforpostgresql.azure.com/*;cache.azure.com/*;keyvault.azure.com/*;storage.azure.com/*;dataprotection.azure.com/*;operationalinsights.azure.com/*;insights.azure.com/*;monitor.azure.com/*;alertsmanagement.azure.com/*;managedidentity.azure.com/*;authorization.azure.com/*'
  if absent kubectl get namespace $namespace; then
    change kubectl create namespace $namespace
  fi
  if absent kubectl --namespace $namespace get secret postgresql-passwords; then
    passwords | input kubectl --namespace $namespace create --filename -
  fi
  if absent kubectl --namespace $namespace get secret teams-webhook; then
    [ -z "$dry" ] || TEAMS_WEBHOOK_URL=none
    printf '%s' "${TEAMS_WEBHOOK_URL:?the address of the workflow that posts to Teams}" |
      input kubectl --namespace $namespace create secret generic teams-webhook --from-file=url=/dev/stdin
  fi
}

# passwords prints a Secret with new passwords of the administrator and of the roles.
passwords() {
  printf 'apiVersion: v1\nkind: Secret\nmetadata: { name: postgresql-passwords }\nstringData:\n'
  local role
  for role in phonebill auth bill_inquiry product_change; do
    printf '  %s: %s\n' "$role" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
  done
}

# kept prints a key of a Secret of the platform. A dry run has none.
kept() { [ -n "$dry" ] || kubectl --namespace $namespace get secret "$1" --output "go-template={{index .data \"$2\" | base64decode}}"; }

# store copies a secret into the vault, if the vault has none of that name.
store() {
  local target=$1 secret=$2 key=$3
  if absent "${az[@]}" keyvault secret show --vault-name "$(name vault)" --name "$target"; then
    kept "$secret" "$key" | input "${az[@]}" keyvault secret set --vault-name "$(name vault)" --name "$target" --file /dev/stdin --output none
  fi
}

# secrets copies passwords and keys into the vault, from where the services read them. It runs where
# the vault's private endpoint is reachable.
secrets() {
  store database-password-auth postgresql-passwords auth
  store database-password-bill-inquiry postgresql-passwords bill_inquiry
  store database-password-product-change postgresql-passwords product_change
  store redis-auth-key "$(name sessions)" primary-key
  store redis-cache-auth-key "$(name cache)" primary-key
}

# databases makes each role the owner of its database, which the operator cannot. It runs where the
# server's private endpoint is reachable.
databases() {
  local database
  PGPASSWORD=$(kept postgresql-passwords phonebill)
  export PGPASSWORD
  for database in auth bill_inquiry product_change; do
    # The administrator has to be a member of the role.
    change psql "host=$(name server).postgres.database.azure.com user=phonebill dbname=postgres sslmode=verify-full sslrootcert=system" \
      --set ON_ERROR_STOP=1 --command "GRANT $database TO phonebill" --command "ALTER DATABASE $database OWNER TO $database" \
      --command "REVOKE CONNECT, TEMPORARY ON DATABASE $database FROM PUBLIC"
  done
}

# output prints a key of a ConfigMap that the operator wrote. A dry run has none.
output() {
  if [ -n "$dry" ]; then
    echo "$1:$2"
  else
    kubectl --namespace $namespace get configmap "$1" --output "jsonpath={.data.$2}"
  fi
}

# outputs prints values for charts/phonebill, to be given after values-prod.yaml.
outputs() {
  local service identity
  identity=id-$(name cluster)
  cat <<VALUES
global:
  service:
    autoscaling:
      prometheus:
        address: $(output "$(name metrics)-metrics" endpoint)
        workloadIdentity: $(output "$identity-keda" clientId)
VALUES
  for service in auth-service bill-inquiry-service product-change-service; do
    printf '%s:\n  workloadIdentity: { clientId: %s }\n' "$service" "$(output "$identity-$service" clientId)"
  done
}

# remove deletes the cluster of the first step, after its objects have been handed over.
remove() {
  change "${az[@]}" group delete --name $management --yes
}

case $step in
create | secrets | databases | outputs | remove) "$step" ;;
*)
  echo "unknown step $step" >&2
  exit 2
  ;;
esac
